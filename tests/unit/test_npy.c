/* SPDX-License-Identifier: MIT
 *
 * test_npy.c - .npy files that numpy wrote, our own, and hostile ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/half.h"
#include "cli/npy.h"

/* Files as numpy 2 writes them, and what is in them. */
static const struct {
    const char *name, *hex;
    int bytes;
    enum einc_dtype dtype;
    int ndim;
    int64_t shape[3], strides[3];
    double values[8]; /* in the order of memory; complex: pairs */
} files[] = {
    {"f32",
     "934e554d5059010076007b276465736372273a20273c6634272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c203329"
     "2c207d202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a0000c03f"
     "000000c000004040000080400000a0400000803e",
     152, EINC_F32, 2, {2, 3}, {3, 1},
     {1.5, -2, 3, 4, 5, 0.25}},
    {"f32, Fortran order",
     "934e554d5059010076007b276465736372273a20273c6634272c2027666f727472"
     "616e5f6f72646572273a20547275652c20277368617065273a2028322c2033292c"
     "207d20202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a0000c03f"
     "00008040000000c00000a040000040400000803e",
     152, EINC_F32, 2, {2, 3}, {1, 2},
     {1.5, 4, -2, 5, 3, 0.25}},
    {"f64, big-endian",
     "934e554d5059010076007b276465736372273a20273e6638272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028332c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a3ff00000"
     "00000000bfe000000000000043b0000000000000",
     152, EINC_F64, 1, {3}, {1},
     {1, -0.5, 1.152921504606847e+18}},
    {"f64, scalar",
     "934e554d5059010076007b276465736372273a20273c6638272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028292c207d20"
     "202020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a00000000"
     "00001d40",
     136, EINC_F64, 0, {0}, {0},
     {7.25}},
    {"bool",
     "934e554d5059010076007b276465736372273a20277c6231272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028332c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a010001",
     131, EINC_BOOL, 1, {3}, {1},
     {1, 0, 1}},
    {"i8",
     "934e554d5059010076007b276465736372273a20277c6931272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c203129"
     "2c207d202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a807f",
     130, EINC_I8, 2, {2, 1}, {1, 1},
     {-128, 127}},
    {"u8",
     "934e554d5059010076007b276465736372273a20277c7531272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200aff01",
     130, EINC_U8, 1, {2}, {1},
     {255, 1}},
    {"i16, big-endian",
     "934e554d5059010076007b276465736372273a20273e6932272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200afed4012c",
     132, EINC_I16, 1, {2}, {1},
     {-300, 300}},
    {"u16",
     "934e554d5059010076007b276465736372273a20273c7532272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200affff0200",
     132, EINC_U16, 1, {2}, {1},
     {65535, 2}},
    {"i32",
     "934e554d5059010076007b276465736372273a20273c6934272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028312c20312c"
     "2032292c207d202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a00000080"
     "ffffff7f",
     136, EINC_I32, 3, {1, 1, 2}, {2, 2, 1},
     {-2147483648, 2147483647}},
    {"u32, big-endian",
     "934e554d5059010076007b276465736372273a20273e7534272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200affffffff"
     "00000003",
     136, EINC_U32, 1, {2}, {1},
     {4294967295, 3}},
    {"i64",
     "934e554d5059010076007b276465736372273a20273c6938272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a00000000"
     "0000e0ff0000000000002000",
     144, EINC_I64, 1, {2}, {1},
     {-9007199254740992, 9007199254740992}},
    {"u64",
     "934e554d5059010076007b276465736372273a20273c7538272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a00000000"
     "000000800300000000000000",
     144, EINC_U64, 1, {2}, {1},
     {9.2233720368547758e+18, 3}},
    {"f16",
     "934e554d5059010076007b276465736372273a20273c6632272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028332c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a003cfffb"
     "0100",
     134, EINC_F16, 1, {3}, {1},
     {1, -65504, 5.9604644775390625e-08}},
    {"c64, big-endian",
     "934e554d5059010076007b276465736372273a20273e6338272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c20"
     "7d2020202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a3f800000"
     "c00000004040000040800000",
     144, EINC_C64, 1, {2}, {1},
     {1, -2, 3, 4}},
    {"c128, Fortran order",
     "934e554d5059010076007b276465736372273a20273c633136272c2027666f7274"
     "72616e5f6f72646572273a20547275652c20277368617065273a2028322c203229"
     "2c207d202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a00000000"
     "0000f03f00000000000000c0000000000000000000000000000014400000000000"
     "000840000000000000104000000000000018400000000000000000",
     192, EINC_C128, 2, {2, 2}, {1, 2},
     {1, -2, 0, 5, 3, 4, 6, 0}},
    {"empty",
     "934e554d5059010076007b276465736372273a20273c6634272c2027666f727472"
     "616e5f6f72646572273a2046616c73652c20277368617065273a2028322c20302c"
     "2033292c207d202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a",
     128, EINC_F32, 3, {2, 0, 3}, {3, 3, 1},
     {0}},
    {"version 2",
     "934e554d50590200740000007b276465736372273a20273c6634272c2027666f72"
     "7472616e5f6f72646572273a2046616c73652c20277368617065273a2028322c29"
     "2c207d202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a0000803f"
     "00000040",
     136, EINC_F32, 1, {2}, {1},
     {1, 2}},
    {"version 3",
     "934e554d50590300740000007b276465736372273a20273c6634272c2027666f72"
     "7472616e5f6f72646572273a2046616c73652c20277368617065273a2028322c29"
     "2c207d202020202020202020202020202020202020202020202020202020202020"
     "202020202020202020202020202020202020202020202020202020200a0000803f"
     "00000040",
     136, EINC_F32, 1, {2}, {1},
     {1, 2}},
};

enum { N_FILES = sizeof files / sizeof *files };

/* --- files of the tests ------------------------------------------------- */

static char folder[] = P_tmpdir "/einc_npy_XXXXXX";

static int
make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *
path_of(const char *name)
{
    static char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *
put_file(const char *name, const void *bytes, size_t n)
{
    const char *path = path_of(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* Room for any of the files. */
struct bytes {
    unsigned char p[512];
    size_t n;
};

static struct bytes
bytes_of_hex(const char *hex)
{
    struct bytes b = {{0}, strlen(hex) / 2};
    assert_true(b.n <= sizeof b.p);
    for (size_t i = 0; i < b.n; i++) {
        unsigned v;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        b.p[i] = (unsigned char)v;
    }
    return b;
}

/* --- reading ------------------------------------------------------------ */

/* Number i of the data, the parts of a complex one counted apart. */
static double
value_at(const struct npy *x, int64_t i)
{
    switch (x->dtype) {
    case EINC_BOOL: case EINC_U8: return ((uint8_t *)x->data)[i];
    case EINC_I8: return ((int8_t *)x->data)[i];
    case EINC_I16: return ((int16_t *)x->data)[i];
    case EINC_U16: return ((uint16_t *)x->data)[i];
    case EINC_I32: return ((int32_t *)x->data)[i];
    case EINC_U32: return ((uint32_t *)x->data)[i];
    case EINC_I64: return (double)((int64_t *)x->data)[i];
    case EINC_U64: return (double)((uint64_t *)x->data)[i];
    case EINC_F16: return half_f16_to_f32(((uint16_t *)x->data)[i]);
    case EINC_F32: case EINC_C64: return ((float *)x->data)[i];
    case EINC_F64: case EINC_C128: return ((double *)x->data)[i];
    default: fail(); return 0;
    }
}

static void
assert_is_file(const struct npy *x, int f)
{
    int complex = x->dtype == EINC_C64 || x->dtype == EINC_C128;
    int64_t count = complex ? 2 : 1;
    assert_int_equal(x->dtype, files[f].dtype);
    assert_int_equal(x->ndim, files[f].ndim);
    for (int d = 0; d < x->ndim; d++) {
        assert_int_equal(x->shape[d], files[f].shape[d]);
        assert_int_equal(x->strides[d], files[f].strides[d]);
        count *= x->shape[d];
    }
    assert_int_equal(x->bytes, count * (int)einc_dtype_bytes(x->dtype) /
                                   (complex ? 2 : 1));
    for (int64_t i = 0; i < count; i++)
        assert_true(value_at(x, i) == files[f].values[i]);
}

static void
test_reads_what_numpy_wrote(void **state)
{
    (void)state;
    for (int f = 0; f < N_FILES; f++) {
        struct bytes b = bytes_of_hex(files[f].hex);
        struct npy x;
        char err[256] = "";
        assert_int_equal(b.n, files[f].bytes);
        const char *path = put_file("a.npy", b.p, b.n);
        assert_int_equal(einc_npy_read(path, &x, err, sizeof err), 0);
        assert_is_file(&x, f);
        einc_npy_free(&x);
        assert_null(x.data);
        unlink(path);
    }
}

/* Every file that ends too early, wherever, is refused with its name. */
static void
test_cut_files(void **state)
{
    (void)state;
    for (int f = 0; f < N_FILES; f++) {
        struct bytes b = bytes_of_hex(files[f].hex);
        for (size_t n = 0; n < b.n; n++) {
            struct npy x;
            char err[256] = "";
            const char *path = put_file("a.npy", b.p, n);
            assert_int_equal(einc_npy_read(path, &x, err, sizeof err), -1);
            assert_memory_equal(err, path, strlen(path));
            assert_null(x.data);
            unlink(path);
        }
    }
}

static void
test_bytes_behind_the_array_are_left_alone(void **state)
{
    (void)state;
    struct bytes b = bytes_of_hex(files[0].hex);
    struct npy x;
    char err[256];
    const char *path = put_file("a.npy", b.p, b.n + 40);
    assert_int_equal(einc_npy_read(path, &x, err, sizeof err), 0);
    assert_is_file(&x, 0);
    einc_npy_free(&x);
    unlink(path);
}

static void
test_no_file(void **state)
{
    (void)state;
    struct npy x;
    char err[256], want[256];
    const char *path = path_of("missing.npy");
    assert_int_equal(einc_npy_read(path, &x, err, sizeof err), -1);
    snprintf(want, sizeof want, "%s: No such file or directory", path);
    assert_string_equal(err, want);
    assert_int_equal(einc_npy_read(folder, &x, err, sizeof err), -1);
    snprintf(want, sizeof want, "%s: Is a directory", folder);
    assert_string_equal(err, want);
    /* A short buffer for the message is not overrun. */
    assert_int_equal(einc_npy_read(path, &x, err, 5), -1);
    assert_int_equal(strlen(err), 4);
}

/* --- stdin -------------------------------------------------------------- */

struct feed {
    int fd;
    const unsigned char *p;
    size_t n;
};

/* Thread: writes it all in odd pieces, then closes. */
static void *
feed_pipe(void *user)
{
    struct feed *f = user;
    for (size_t at = 0; at < f->n;) {
        size_t piece = f->n - at < 4099 ? f->n - at : 4099;
        ssize_t wrote = write(f->fd, f->p + at, piece);
        if (wrote < 0)
            break;
        at += (size_t)wrote;
    }
    close(f->fd);
    return NULL;
}

static int
read_stdin(const unsigned char *bytes, size_t n, struct npy *x, char err[256])
{
    int ends[2], old = dup(STDIN_FILENO), result;
    pthread_t thread;
    assert_true(old >= 0);
    assert_int_equal(pipe(ends), 0);
    struct feed f = {ends[1], bytes, n};
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &f), 0);
    result = einc_npy_read("-", x, err, 256);
    pthread_join(thread, NULL);
    dup2(old, STDIN_FILENO);
    close(old);
    return result;
}

static void
test_reads_stdin(void **state)
{
    (void)state;
    struct npy x;
    char err[256];
    for (int f = 0; f < N_FILES; f++) {
        struct bytes b = bytes_of_hex(files[f].hex);
        assert_int_equal(read_stdin(b.p, b.n, &x, err), 0);
        assert_is_file(&x, f);
        einc_npy_free(&x);
        if (files[f].shape[1] == 0 && files[f].ndim == 3)
            continue; /* has no data to cut */
        assert_int_equal(read_stdin(b.p, b.n - 1, &x, err), -1);
        assert_memory_equal(err, "stdin: ", 7);
        assert_null(x.data);
    }
}

/* Puts a header of version 1 before `n` bytes of data; returns all of it. */
static unsigned char *
with_header(const char *dict, const void *data, size_t n, size_t *total)
{
    size_t length = strlen(dict);
    unsigned char *p = calloc(1, 10 + length + n);
    assert_non_null(p);
    memcpy(p, "\x93NUMPY\1", 7);
    p[8] = (unsigned char)(length & 255);
    p[9] = (unsigned char)(length >> 8);
    memcpy(p + 10, dict, length);
    if (n)
        memcpy(p + 10 + length, data, n);
    *total = 10 + length + n;
    return p;
}

/* More than the first read and its doublings hold. */
static void
test_reads_much_from_stdin(void **state)
{
    (void)state;
    enum { N = 100003 };
    uint32_t *data = malloc(N * sizeof *data);
    size_t total;
    struct npy x;
    char err[256];
    assert_non_null(data);
    for (uint32_t i = 0; i < N; i++)
        data[i] = i * 2654435761u;
    unsigned char *file = with_header(
        "{'descr': '<u4', 'fortran_order': False, 'shape': (100003,)}", data,
        N * sizeof *data, &total);
    assert_int_equal(read_stdin(file, total, &x, err), 0);
    assert_int_equal(x.bytes, N * sizeof *data);
    assert_memory_equal(x.data, data, N * sizeof *data);
    einc_npy_free(&x);
    free(file);
    free(data);
}

/* A pipe that promises an exabyte costs no exabyte. */
static void
test_huge_promise_on_stdin(void **state)
{
    (void)state;
    size_t total;
    struct npy x;
    char err[256];
    unsigned char *file = with_header(
        "{'descr': '<u1', 'fortran_order': False, "
        "'shape': (1000000000000000000,)}", "abc", 3, &total);
    assert_int_equal(read_stdin(file, total, &x, err), -1);
    assert_string_equal(err, "stdin: the file is cut off: the shape asks for "
                             "1000000000000000000 bytes of data, 3 are there");
    free(file);
}

/* --- headers ------------------------------------------------------------ */

static int
parse_text(const char *dict, struct npy_header *h, char err[256])
{
    size_t n;
    unsigned char *p = with_header(dict, "", 0, &n);
    int result = einc_npy_parse(p, n, h, err, 256);
    free(p);
    return result;
}

static void
test_other_spellings(void **state)
{
    (void)state;
    static const char *const dicts[] = {
        "{'shape': (2, 3), 'descr': '<f4', 'fortran_order': False}",
        "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\",}\n",
        " { 'descr' : '<f4' ,\t'fortran_order' : False ,\n'shape' : (2 ,3 ,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L)}",
    };
    for (size_t i = 0; i < sizeof dicts / sizeof *dicts; i++) {
        struct npy_header h;
        char err[256] = "";
        assert_int_equal(parse_text(dicts[i], &h, err), 0);
        assert_int_equal(h.dtype, EINC_F32);
        assert_int_equal(h.fortran, 0);
        assert_int_equal(h.ndim, 2);
        assert_int_equal(h.shape[0], 2);
        assert_int_equal(h.shape[1], 3);
        assert_int_equal(h.count, 6);
        assert_int_equal(h.data_bytes, 24);
        assert_int_equal(h.data_at, 10 + strlen(dicts[i]));
    }
}

#define F4 "'descr': '<f4', "
#define C_ORDER "'fortran_order': False, "
#define SHAPE "'shape': (2,)"

static void
test_hostile_headers(void **state)
{
    (void)state;
    static const struct {
        const char *dict, *message;
    } bad[] = {
        {"", "bad header: expected '{'"},
        {"{", "bad header: expected a string"},
        {"{}", "bad header: no 'descr'"},
        {"{,}", "bad header: expected a string"},
        {"{" F4 C_ORDER "}", "bad header: no 'shape'"},
        {"{" F4 SHAPE "}", "bad header: no 'fortran_order'"},
        {"{" F4 C_ORDER SHAPE, "bad header: expected '}'"},
        {"{" F4 C_ORDER SHAPE "} + x",
         "bad header: something follows the dict"},
        {"{" F4 F4 C_ORDER SHAPE "}", "bad header: 'descr' twice"},
        {"{" F4 C_ORDER SHAPE ", 'evil': 1}",
         "bad header: unknown key 'evil'"},
        {"{" F4 C_ORDER SHAPE ", '\x1b[31m\xff': 1}",
         "bad header: unknown key '?[31m?'"},
        {"{'descr' '<f4'}", "bad header: expected ':'"},
        {"{'descr: }", "bad header: a string without an end"},
        {"{'de\\x73cr': 1}", "bad header: a string without an end"},
        {"{'descr': '<f4\"}", "bad header: a string without an end"},
        {"{'descr': 1}", "bad header: expected a string"},
        {"{'descr': ''}", "elements of type '': einc has no such type"},
        {"{'descr': '<'}", "elements of type '<': einc has no such type"},
        {"{'descr': 'f4'}", "elements of type 'f4': einc has no such type"},
        {"{'descr': '=f4'}", "elements of type '=f4': einc has no such type"},
        {"{'descr': '|f4'}", "bad header: type '|f4' without a byte order"},
        {"{'descr': '<f44'}", "elements of type '<f44': einc has no such "
                              "type"},
        {"{'descr': '<V2'}", "elements of type '<V2': einc has no such type"},
        {"{'descr': '<U10'}", "elements of type '<U10': einc has no such "
                              "type"},
        {"{'descr': '<M8[ns]'}", "elements of type '<M8[ns]': einc has no "
                                 "such type"},
        {"{'descr': '|O'}", "elements are Python objects: save the array with "
                            "a number type, as .astype('f8') makes it"},
        {"{'descr': [('a', '<f4')]}",
         "structured elements: einc computes with plain numbers; save one "
         "field of the array"},
        {"{'descr': ('<f4', (2,))}",
         "structured elements: einc computes with plain numbers; save one "
         "field of the array"},
        {"{'fortran_order': 1}", "bad header: fortran_order is True or False"},
        {"{'fortran_order': Tru", "bad header: fortran_order is True or "
                                  "False"},
        {"{'fortran_order': Truer}", "bad header: expected '}'"},
        {"{'shape': 2}", "bad header: expected '('"},
        {"{'shape': (2)}", "bad header: a shape is a tuple, as (3,)"},
        {"{'shape': (,)}", "bad header: a shape is a tuple of numbers"},
        {"{'shape': (2,,)}", "bad header: a shape is a tuple of numbers"},
        {"{'shape': (-1,)}", "bad header: a shape is a tuple of numbers"},
        {"{'shape': (2.0,)}", "bad header: expected ')'"},
        {"{'shape': (0x10,)}", "bad header: expected ')'"},
        {"{'shape': (2 3)}", "bad header: expected ')'"},
        {"{'shape': (9223372036854775808,)}",
         "bad header: a size exceeds 64 bits"},
        {"{'shape': (99999999999999999999999999999999999,)}",
         "bad header: a size exceeds 64 bits"},
        {"{" F4 C_ORDER "'shape': (4294967296, 4294967296)}",
         "the shape exceeds 64 bits"},
        {"{" F4 C_ORDER "'shape': (4611686018427387904,)}",
         "the shape exceeds 64 bits"},
        {"{" F4 C_ORDER "'shape': (0, 4294967296, 4294967296)}",
         "the shape exceeds 64 bits"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct npy_header h;
        char err[256] = "";
        assert_int_equal(parse_text(bad[i].dict, &h, err), -1);
        assert_string_equal(err, bad[i].message);
    }
}

static void
test_number_of_dims(void **state)
{
    (void)state;
    for (int n = NPY_MAX_DIMS; n <= NPY_MAX_DIMS + 1; n++) {
        char dict[400] = "{" F4 C_ORDER "'shape': (";
        struct npy_header h;
        char err[256] = "";
        for (int d = 0; d < n; d++)
            strcat(dict, "1, ");
        strcat(dict, ")}");
        int result = parse_text(dict, &h, err);
        assert_int_equal(result, n > NPY_MAX_DIMS ? -1 : 0);
        if (result)
            assert_string_equal(err, "more than 64 dims");
        else
            assert_int_equal(h.ndim, NPY_MAX_DIMS);
    }
}

static void
assert_refused(const void *bytes, size_t n, const char *message)
{
    struct npy_header h;
    char err[256] = "";
    assert_int_equal(einc_npy_parse(bytes, n, &h, err, sizeof err), -1);
    assert_string_equal(err, message);
}

static void
test_prefix(void **state)
{
    (void)state;
    assert_refused("", 0, "this is no .npy file");
    assert_refused("PK\3\4 0123456789", 16, "this is no .npy file");
    assert_refused("\x93NUMPY\0\0\0\0\0\0", 12,
                   "version 0.0 of the format: einc knows 1.0 to 3.0");
    assert_refused("\x93NUMPY\4\0\0\0\0\0", 12,
                   "version 4.0 of the format: einc knows 1.0 to 3.0");
    assert_refused("\x93NUMPY\1\1\0\0\0\0", 12,
                   "version 1.1 of the format: einc knows 1.0 to 3.0");
    assert_refused("\x93NUMPY\2\0\0\0", 10,
                   "the file ends within its header");
    assert_refused("\x93NUMPY\2\0\xff\xff\xff\xff", 12,
                   "a header of more than 65536 bytes");
    assert_refused("\x93NUMPY\1\0\xff\xff", 10,
                   "a header of more than 65536 bytes");
    assert_refused("\x93NUMPY\1\0\x0a\0{", 11,
                   "the file ends within its header");
}

/* The shape is compared with the size of the file, not with the memory. */
static void
test_huge_promise_in_a_file(void **state)
{
    (void)state;
    size_t total;
    struct npy x;
    char err[256], want[256];
    unsigned char *file = with_header(
        "{'descr': '<f8', 'fortran_order': True, "
        "'shape': (1000000, 1000000000)}", "12345678", 8, &total);
    const char *path = put_file("a.npy", file, total);
    assert_int_equal(einc_npy_read(path, &x, err, sizeof err), -1);
    snprintf(want, sizeof want, "%s: the file is cut off: the shape asks for "
                                "8000000000000000 bytes of data, 8 are there",
             path);
    assert_string_equal(err, want);
    unlink(path);
    free(file);
}

/* --- writing ------------------------------------------------------------ */

/* What einc_npy_write() makes; n is 0 if it failed. */
static struct bytes
written(const struct einc_layout *l, const void *data, char err[256])
{
    struct bytes b = {{0}, 0};
    FILE *f = tmpfile();
    assert_non_null(f);
    if (einc_npy_write(f, l, data, err, 256) == 0) {
        rewind(f);
        b.n = fread(b.p, 1, sizeof b.p, f);
    }
    fclose(f);
    return b;
}

/* The files that are of version 1 and little-endian come back byte for byte
 * as numpy wrote them. */
static void
test_writes_what_numpy_writes(void **state)
{
    (void)state;
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        skip();
    int n_compared = 0;
    for (int f = 0; f < N_FILES; f++) {
        struct bytes want = bytes_of_hex(files[f].hex), got;
        struct npy x;
        char err[256] = "";
        if (want.p[6] != 1 || strstr(files[f].name, "big-endian"))
            continue;
        const char *path = put_file("a.npy", want.p, want.n);
        assert_int_equal(einc_npy_read(path, &x, err, sizeof err), 0);
        unlink(path);
        struct einc_layout l = {sizeof l, (int32_t)x.dtype, x.ndim, 0,
                                x.shape, x.strides};
        got = written(&l, x.data, err);
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.p, want.p, want.n);
        if (!strstr(files[f].name, "Fortran")) { /* dense, unless told */
            l.stride = NULL;
            got = written(&l, x.data, err);
            assert_int_equal(got.n, want.n);
            assert_memory_equal(got.p, want.p, want.n);
        }
        einc_npy_free(&x);
        n_compared++;
    }
    assert_true(n_compared > 10);
}

/* Rows reversed and columns two apart: written in C order. */
static void
test_writes_any_strides(void **state)
{
    (void)state;
    float data[16];
    for (int i = 0; i < 16; i++)
        data[i] = (float)i;
    struct einc_layout l = {sizeof l, EINC_F32, 2, 0, (int64_t[]){2, 3},
                            (int64_t[]){-8, 2}};
    char err[256];
    struct bytes b = written(&l, data + 8, err);
    struct npy_header h;
    assert_int_equal(einc_npy_parse(b.p, b.n, &h, err, sizeof err), 0);
    assert_int_equal(h.fortran, 0);
    assert_int_equal(h.data_at % 64, 0);
    static const float want[] = {8, 10, 12, 0, 2, 4};
    assert_int_equal(b.n, h.data_at + sizeof want);
    assert_memory_equal(b.p + h.data_at, want, sizeof want);
}

/* More than one chunk of the gathering buffer. */
static void
test_writes_much_with_strides(void **state)
{
    (void)state;
    enum { N = 3001 };
    static double data[2 * N], back[N];
    struct npy_header h;
    char err[256];
    unsigned char start[128];
    for (int i = 0; i < 2 * N; i++)
        data[i] = i;
    struct einc_layout l = {sizeof l, EINC_F64, 1, 0, (int64_t[]){N},
                            (int64_t[]){2}};
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(einc_npy_write(f, &l, data, err, sizeof err), 0);
    rewind(f);
    assert_int_equal(fread(start, 1, sizeof start, f), sizeof start);
    assert_int_equal(einc_npy_parse(start, sizeof start, &h, err, sizeof err),
                     0);
    assert_int_equal(h.data_at, sizeof start);
    assert_int_equal(fread(back, sizeof *back, N, f), N);
    assert_int_equal(fgetc(f), EOF);
    for (int i = 0; i < N; i++)
        assert_true(back[i] == 2 * i);
    fclose(f);
}

static void
test_refuses_to_write(void **state)
{
    (void)state;
    uint16_t one[1] = {0x3f80};
    int64_t many[NPY_MAX_DIMS + 1];
    char err[256];
    struct einc_layout l = {sizeof l, EINC_BF16, 1, 0, (int64_t[]){1}, NULL};
    assert_int_equal(written(&l, one, err).n, 0);
    assert_string_equal(err, "numpy has no name for bf16: take f32 for the "
                             "result");
    for (int d = 0; d <= NPY_MAX_DIMS; d++)
        many[d] = 1;
    struct einc_layout wide = {sizeof l, EINC_I16, NPY_MAX_DIMS + 1, 0, many,
                               NULL};
    assert_int_equal(written(&wide, one, err).n, 0);
    assert_string_equal(err, "65 dims: numpy knows no more than 64");
    wide.ndim = NPY_MAX_DIMS;
    assert_true(written(&wide, one, err).n > 0);
}

static void
test_full_device(void **state)
{
    (void)state;
    FILE *f = fopen("/dev/full", "wb");
    if (!f)
        skip();
    float one[1] = {1};
    char err[256];
    struct einc_layout l = {sizeof l, EINC_F32, 1, 0, (int64_t[]){1}, NULL};
    assert_int_equal(einc_npy_write(f, &l, one, err, sizeof err), -1);
    assert_string_equal(err, "No space left on device");
    fclose(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_numpy_wrote),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_bytes_behind_the_array_are_left_alone),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_reads_stdin),
        cmocka_unit_test(test_reads_much_from_stdin),
        cmocka_unit_test(test_huge_promise_on_stdin),
        cmocka_unit_test(test_other_spellings),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_number_of_dims),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_huge_promise_in_a_file),
        cmocka_unit_test(test_writes_what_numpy_writes),
        cmocka_unit_test(test_writes_any_strides),
        cmocka_unit_test(test_writes_much_with_strides),
        cmocka_unit_test(test_refuses_to_write),
        cmocka_unit_test(test_full_device),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
