/* SPDX-License-Identifier: MIT
 *
 * A kernel that einc wrote as CUDA, called on a stream of ours: the field of
 * 2000 charges with a Gaussian each, at 1000 points. Nothing of einc is
 * linked. Prints whether a plain loop agrees; ends with 77 where there is no
 * device.
 */
#include <cmath>
#include <cstdio>
#include <vector>

#include "kernel.h"

enum { POINTS = 1000, CHARGES = 2000 };

static void
demand(cudaError_t error, const char *what)
{
    if (!error)
        return;
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
    exit(1);
}

static std::vector<float>
numbers(int n, float shift)
{
    std::vector<float> x(n);
    for (int i = 0; i < n; i++)
        x[i] = std::sin(0.37f * (float)i + shift);
    return x;
}

static float *
on_device(const std::vector<float> &x, cudaStream_t stream)
{
    void *p;
    demand(cudaMallocAsync(&p, x.size() * sizeof(float), stream), "memory");
    demand(cudaMemcpyAsync(p, x.data(), x.size() * sizeof(float),
                           cudaMemcpyHostToDevice, stream), "a copy");
    return (float *)p;
}

static double
worst_of(const std::vector<float> &got, const std::vector<float> &x,
         const std::vector<float> &y, const std::vector<float> &b)
{
    double worst = 0;
    for (int i = 0; i < POINTS; i++) {
        double want = 0;
        for (int j = 0; j < CHARGES; j++) {
            double distance = 0;
            for (int d = 0; d < 3; d++)
                distance += std::pow((double)x[3 * i + d] - y[3 * j + d], 2);
            want += std::exp(-distance) * b[j];
        }
        worst = std::fmax(worst, std::fabs(got[i] - want));
    }
    return worst;
}

int
main()
{
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        puts("no device");
        return 77;
    }
    const std::vector<float> x = numbers(3 * POINTS, 0),
                             y = numbers(3 * CHARGES, 1),
                             b = numbers(CHARGES, 2);
    std::vector<float> out(POINTS);
    cudaStream_t stream;
    demand(cudaStreamCreate(&stream), "a stream");
    float *dx = on_device(x, stream), *dy = on_device(y, stream);
    float *db = on_device(b, stream), *dout = on_device(out, stream);
    demand(field(dout, dx, dy, db, nullptr, stream), "the kernel");
    demand(cudaMemcpyAsync(out.data(), dout, POINTS * sizeof(float),
                           cudaMemcpyDeviceToHost, stream), "a copy");
    for (float *p : {dx, dy, db, dout})
        demand(cudaFreeAsync(p, stream), "memory");
    demand(cudaStreamSynchronize(stream), "the stream");
    demand(cudaStreamDestroy(stream), "a stream");
    const bool right = worst_of(out, x, y, b) < 1e-3;
    puts(right ? "the field is that of a plain loop" : "the field is wrong");
    return !right;
}
