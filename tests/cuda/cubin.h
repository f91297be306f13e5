/* SPDX-License-Identifier: MIT
 *
 * cubin.h - what a compiled kernel holds, without a GPU: its registers, its
 * stack, its instructions and the loop in which it spends its time. A cubin is
 * an ELF file; code is in .text.NAME, 16 bytes an instruction, of which the
 * low 12 bits say what it does. Nothing here is documented by NVIDIA: numbers
 * were read from what NVRTC 12 and 13 make for sm_80, sm_90 and sm_90a, and
 * tests/cuda/cubins.c holds them against kernels whose code is known.
 */
#ifndef EINC_TESTS_CUBIN_H
#define EINC_TESTS_CUBIN_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

enum cubin_op {
    OP_FFMA = 0x223, OP_DFMA = 0x22b, OP_IMAD = 0x224, OP_HMMA = 0x23c,
    OP_LDG = 0x981, OP_STG = 0x986, OP_LDS = 0x984, OP_STS = 0x388,
    OP_LDSM = 0x83b, OP_LDGSTS = 0xfae,
    OP_LDL = 0x983, OP_STL = 0x387, OP_MUFU = 0x308, OP_BRA = 0x947,
    OP_MASK = 0xfff,
    OP_REGISTERS = 0x1ff /* an operand may be a constant: bits above differ */
};

enum { CUBIN_INSTRUCTION = 16 /* bytes */,
       CUBIN_REGISTERS = 0x2f, CUBIN_FRAME = 0x11, /* attributes */
       CUBIN_SIZED = 4 /* an attribute whose value is behind it */ };

/* A kernel; code belongs to the cubin. */
struct cubin_kernel {
    const unsigned char *code;
    int64_t n;              /* instructions */
    int sm;                 /* 90 */
    int registers, frame_bytes, shared_bytes;
};

/* Instructions from first to last. */
struct cubin_span {
    int64_t first, last;
};

/* --- the file -------------------------------------------------------------- */

struct cubin_file {
    const unsigned char *bytes;
    size_t n;
    Elf64_Ehdr head;
};

static inline int
cubin_has(const struct cubin_file *f, uint64_t at, uint64_t n)
{
    return at <= f->n && n <= f->n - at;
}

/* 0: no such section, or it leads out of the file. */
static inline int
cubin_section(const struct cubin_file *f, int number, Elf64_Shdr *s)
{
    uint64_t at = f->head.e_shoff + (uint64_t)number * sizeof *s;
    if (number < 0 || number >= f->head.e_shnum ||
        !cubin_has(f, at, sizeof *s))
        return 0;
    memcpy(s, f->bytes + at, sizeof *s);
    return s->sh_type == SHT_NOBITS || cubin_has(f, s->sh_offset, s->sh_size);
}

/* The number of section `before``name`, or -1. */
static inline int
cubin_named(const struct cubin_file *f, const char *before, const char *name)
{
    Elf64_Shdr names, s;
    size_t n = strlen(before), all = n + strlen(name) + 1;
    if (!cubin_section(f, f->head.e_shstrndx, &names))
        return -1;
    for (int k = 0; k < f->head.e_shnum; k++) {
        if (!cubin_section(f, k, &s) || s.sh_name > names.sh_size ||
            names.sh_size - s.sh_name < all)
            continue;
        const char *of = (const char *)f->bytes + names.sh_offset + s.sh_name;
        if (memcmp(of, before, n) == 0 && memcmp(of + n, name, all - n) == 0)
            return k;
    }
    return -1;
}

/* --- attributes ------------------------------------------------------------ */

/* Whether symbol number `symbol` is called `name`. */
static inline int
cubin_is_symbol(const struct cubin_file *f, uint32_t symbol, const char *name)
{
    Elf64_Shdr table, names;
    Elf64_Sym s;
    if (!cubin_section(f, cubin_named(f, ".symtab", ""), &table) ||
        !cubin_section(f, (int)table.sh_link, &names) ||
        symbol >= table.sh_size / sizeof s)
        return 0;
    memcpy(&s, f->bytes + table.sh_offset + symbol * sizeof s, sizeof s);
    return s.st_name <= names.sh_size &&
           names.sh_size - s.st_name > strlen(name) &&
           strcmp((const char *)f->bytes + names.sh_offset + s.st_name,
                  name) == 0;
}

/* A number that .nv.info says of a kernel; -1: it does not. */
static inline int
cubin_attribute(const struct cubin_file *f, int attribute, const char *name)
{
    Elf64_Shdr s;
    if (!cubin_section(f, cubin_named(f, ".nv.info", ""), &s))
        return -1;
    const unsigned char *at = f->bytes + s.sh_offset, *end = at + s.sh_size;
    while (end - at >= 4) {
        uint16_t n;
        uint32_t pair[2];
        memcpy(&n, at + 2, sizeof n);
        if (at[0] == CUBIN_SIZED && end - at - 4 >= 8 && n >= 8 &&
            at[1] == attribute) {
            memcpy(pair, at + 4, sizeof pair);
            if (cubin_is_symbol(f, pair[0], name))
                return (int)pair[1];
        }
        at += 4;
        if (at[-4] == CUBIN_SIZED)
            at += n < end - at ? n : end - at;
    }
    return -1;
}

/* 0: there is no such kernel, or this is no cubin. */
static inline int
cubin_read(struct cubin_kernel *k, const void *bytes, size_t n,
           const char *name)
{
    struct cubin_file f = {.bytes = bytes, .n = n};
    Elf64_Shdr code, shared;
    if (n < sizeof f.head || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return 0;
    memcpy(&f.head, bytes, sizeof f.head);
    if (!cubin_section(&f, cubin_named(&f, ".text.", name), &code))
        return 0;
    int has_shared =
        cubin_section(&f, cubin_named(&f, ".nv.shared.", name), &shared);
    *k = (struct cubin_kernel){
        .code = f.bytes + code.sh_offset,
        .n = (int64_t)(code.sh_size / CUBIN_INSTRUCTION),
        .sm = (int)(f.head.e_flags >> 8 & 0xff),
        .registers = cubin_attribute(&f, CUBIN_REGISTERS, name),
        .frame_bytes = cubin_attribute(&f, CUBIN_FRAME, name),
        .shared_bytes = has_shared ? (int)shared.sh_size : 0};
    return k->registers >= 0 && k->frame_bytes >= 0;
}

/* --- instructions ---------------------------------------------------------- */

static inline void
cubin_words(const struct cubin_kernel *k, int64_t i, uint64_t words[2])
{
    memcpy(words, k->code + i * CUBIN_INSTRUCTION, CUBIN_INSTRUCTION);
}

static inline int
cubin_op(const struct cubin_kernel *k, int64_t i)
{
    uint64_t words[2];
    cubin_words(k, i, words);
    return (int)(words[0] & OP_MASK);
}

/* Of a load or a store: 4, 5 and 6 are 4, 8 and 16 bytes. */
static inline int
cubin_width(const struct cubin_kernel *k, int64_t i)
{
    uint64_t words[2];
    cubin_words(k, i, words);
    return (int)(words[1] >> 9 & 7);
}

/* The instruction that a branch leads to: bits 34 to 81 are a distance in words
 * of 4 bytes; from sm_90 on 8 bits below them stand in bits 16 to 23. */
static inline int64_t
cubin_target(const struct cubin_kernel *k, int64_t i)
{
    uint64_t words[2];
    cubin_words(k, i, words);
    uint64_t far = words[0] >> 34 | words[1] << 30;
    if (k->sm >= 90)
        far = far << 8 | (words[0] >> 16 & 0xff);
    return i + 1 + (int64_t)(far << 16) / (1 << 16) / 4;
}

/* Products in a form of an operation: registers, or one is a constant. */
static inline int64_t
cubin_count(const struct cubin_kernel *k, struct cubin_span s, int op)
{
    int64_t n = 0;
    for (int64_t i = s.first; i <= s.last; i++)
        n += (cubin_op(k, i) & OP_REGISTERS) == (op & OP_REGISTERS);
    return n;
}

static inline int64_t
cubin_count_wide(const struct cubin_kernel *k, struct cubin_span s, int op,
                 int width)
{
    int64_t n = 0;
    for (int64_t i = s.first; i <= s.last; i++)
        n += cubin_op(k, i) == op && cubin_width(k, i) == width;
    return n;
}

static inline struct cubin_span
cubin_whole(const struct cubin_kernel *k)
{
    return (struct cubin_span){0, k->n - 1};
}

/* The innermost loop that has a third of all `op` or more; the whole if
 * there is none. */
static inline struct cubin_span
cubin_main_loop(const struct cubin_kernel *k, int op)
{
    struct cubin_span found = cubin_whole(k);
    int64_t all = cubin_count(k, found, op);
    for (int64_t i = 0; i < k->n; i++) {
        if (cubin_op(k, i) != OP_BRA)
            continue;
        struct cubin_span s = {cubin_target(k, i), i};
        if (s.first >= 0 && s.first <= i &&
            s.last - s.first < found.last - found.first &&
            3 * cubin_count(k, s, op) >= all)
            found = s;
    }
    return found;
}

#endif
