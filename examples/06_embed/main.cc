// SPDX-License-Identifier: MIT
//
// The same kernel in a C++ program: kernel.h says extern "C", and a workspace
// of NULL leaves the memory to the kernel.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "kernel.h"

namespace {

constexpr std::size_t dim = 24;

float
score_by_loops(const float *x, const std::vector<float> &a)
{
    float sum = 0;
    for (std::size_t i = 0; i < dim; i++)
        for (std::size_t j = 0; j < dim; j++)
            sum += x[i] * a[i * dim + j] * x[j];
    return sum;
}

bool
check(std::size_t n)
{
    std::vector<float> x(n * dim), a(dim * dim), score(n);
    for (std::size_t i = 0; i < x.size(); i++)
        x[i] = static_cast<float>(static_cast<int>(i * 7 % 9) - 4);
    for (std::size_t i = 0; i < a.size(); i++)
        a[i] = static_cast<float>(static_cast<int>(i * 5 % 7) - 3);
    if (forms(score.data(), x.data(), a.data(), x.data(),
              static_cast<std::int64_t>(n), nullptr))
        return false;
    bool exact = true;
    for (std::size_t p = 0; p < n; p++)
        exact = exact && score[p] == score_by_loops(&x[p * dim], a);
    std::printf("%5d points: %s\n", static_cast<int>(n),
                exact ? "exact" : "WRONG");
    return exact;
}

} // namespace

int
main()
{
    constexpr std::size_t sizes[] = {1, 7, 500, 20000};
    bool right = true;
    for (std::size_t n : sizes)
        right = check(n) && right;
    return right ? 0 : 1;
}
