# SPDX-License-Identifier: MIT
# einc: see README.md. (being written; helpers: do not edit unless it is yours)
CC       = gcc
CFLAGS   = -O2 -g
WARN     = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
CPPFLAGS = -Iinclude -Isrc -I. -D_GNU_SOURCE
STD      = -std=gnu11
B        = build

LIB_SRC = src/base/arena.c src/base/text.c src/base/diag.c src/base/dtype.c \
  src/parse/parse.c src/parse/stmt.c src/parse/graph.c \
  src/plan/canon.c src/plan/classify.c src/plan/cost.c src/plan/path.c src/plan/path_greedy.c \
  src/plan/path_dp.c src/plan/path_random.c src/plan/lower.c src/plan/lower_contract.c src/plan/lower_reduce.c \
  src/plan/lower_copy.c src/plan/buffers.c src/plan/plan.c src/plan/plan_text.c \
  src/codegen/target.c src/codegen/tile.c src/codegen/nest.c src/codegen/emit_c.c src/codegen/emit_cuda.c \
  src/api.c \
  runtime/trouble.c runtime/mem.c runtime/pool.c runtime/sys.c runtime/cache.c runtime/cc.c \
  runtime/interp.c runtime/ref.c
CLI_SRC = $(wildcard src/cli/*.c)
LIB_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard $(LIB_SRC))) $(B)/src/parse/lex.o

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c $< -o $@
$(B)/src/parse/lex.c: src/parse/lex.re
	@mkdir -p $(@D)
	re2c -W -Werror -i --no-generation-date -o $@ $<
$(B)/src/parse/lex.o: $(B)/src/parse/lex.c
	$(CC) $(STD) $(WARN) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c $< -o $@
$(B)/libeinc.a: $(LIB_OBJ)
	rm -f $@; ar rcs $@ $^
-include $(shell find $(B) -name '*.d' 2>/dev/null)
