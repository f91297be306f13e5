# SPDX-License-Identifier: MIT
# einc, the compiler for einsum expressions. `make help` lists the targets.
# Variables of use: CC=clang, B=another-build-folder, PREFIX, DESTDIR,
# FUZZ_SECONDS. For another machine: CC=aarch64-linux-gnu-gcc HOSTCC=gcc B=arm.
ifeq ($(origin CC),default)
CC       = gcc
endif
B        = build
PREFIX   = /usr/local
CFLAGS   = -O2 -g
STD      = -std=gnu11
WARN     = -Wall -Wextra -Wpedantic -Wconversion -Wshadow \
           -Wstrict-prototypes -Werror=implicit
CPPFLAGS = -Iinclude -Isrc -I. -D_GNU_SOURCE
LIBS     = -lmd -ldl -lpthread -lm
FUZZ_SECONDS = 20

VERSION  = 0.1.0
ABI      = 0
SONAME   = libeinc.so.$(ABI)
SHARED   = libeinc.so.$(VERSION)
COMPILE  = $(CC) $(STD) $(WARN) $(CPPFLAGS) $(CFLAGS) -fPIC \
           -fvisibility=hidden
JOBS     = -j$(shell nproc)
GREP_CPU = grep -oE '__(x86_64|aarch64)__'
CPU     := $(shell $(CC) $(CFLAGS) -dM -E -x c /dev/null | $(GREP_CPU))

LIB_SRC = \
  src/base/arena.c src/base/text.c src/base/json.c src/base/diag.c \
  src/base/dtype.c \
  src/parse/parse.c src/parse/stmt.c src/parse/graph.c src/parse/fn.c \
  src/parse/parse_program.c src/parse/fault.c src/parse/tree.c \
  src/parse/resolve.c src/parse/open.c src/parse/draft.c src/parse/draft_names.c \
  src/parse/draft_reduce.c src/parse/left.c src/parse/linear.c \
  src/parse/interval.c src/parse/range.c src/parse/type.c \
  src/parse/resolve_print.c \
  src/plan/canon.c src/plan/classify.c src/plan/cost.c src/plan/path.c \
  src/plan/path_greedy.c src/plan/path_dp.c src/plan/path_random.c \
  src/plan/path_math.c src/plan/path_tree.c src/plan/path_start.c \
  src/plan/path_simplify.c src/plan/path_exact.c src/plan/path_search.c \
  src/plan/path_slice.c \
  src/plan/lower.c src/plan/lower_contract.c src/plan/lower_reduce.c \
  src/plan/lower_copy.c src/plan/nested.c src/plan/fuse.c src/plan/buffers.c \
  src/plan/plan.c src/plan/rewrite.c src/plan/script.c \
  src/plan/script_fuse.c src/plan/script_border.c src/plan/script_split.c \
  src/plan/script_expand.c src/plan/script_turn.c src/plan/script_repeat.c \
  src/plan/script_mask.c src/plan/script_inplace.c src/plan/script_notes.c \
  src/plan/script_contract.c src/plan/script_strip.c src/plan/widen.c \
  src/plan/plan_text.c src/plan/plan_json.c src/plan/plan_read.c \
  src/plan/machine.c src/plan/model.c \
  src/codegen/target.c src/codegen/tile.c src/codegen/nest.c \
  src/codegen/key.c src/codegen/nest_gett.c src/codegen/nest_stream.c \
  src/codegen/nest_fused.c src/codegen/nest_direct.c \
  src/codegen/print_direct.c src/codegen/nest_narrow.c \
  src/codegen/print_narrow.c src/codegen/nest_lanes.c \
  src/codegen/print_lanes.c src/codegen/print_records.c \
  src/codegen/nest_transpose.c \
  src/codegen/print_transpose.c src/codegen/print.c src/codegen/print_gett.c \
  src/codegen/print_tile.c src/codegen/print_pack.c \
  src/codegen/print_stream.c src/codegen/print_stream_lanes.c \
  src/codegen/print_stream_loops.c src/codegen/print_stream_table.c \
  src/codegen/print_fused.c src/codegen/value.c src/codegen/value_fold.c \
  src/codegen/value_affine.c src/codegen/value_access.c \
  src/codegen/value_node.c src/codegen/value_bind.c \
  src/codegen/value_guard.c src/codegen/value_softmax.c \
  src/codegen/value_reduce.c src/codegen/choose.c src/codegen/levels.c \
  src/codegen/size.c src/codegen/mapreduce.c src/codegen/describe.c \
  src/codegen/print_mapreduce.c src/codegen/print_value.c \
  src/codegen/print_size.c src/codegen/print_load.c src/codegen/print_fn.c \
  src/codegen/print_reduce.c src/codegen/print_list.c \
  src/codegen/print_loops.c src/codegen/print_team.c \
  src/codegen/print_helpers.c \
  src/codegen/print_math.c src/codegen/emit_program.c src/codegen/emit_open.c \
  src/codegen/emit_border.c src/codegen/emit_places.c src/codegen/plain.c src/codegen/plain_node.c \
  src/codegen/plain_access.c src/codegen/plain_fn.c \
  src/codegen/plain_reduce.c src/codegen/program_main.c \
  src/codegen/nest_block.c src/codegen/print_cuda_block.c \
  src/codegen/nest_tensor.c src/codegen/print_cuda_tensor.c \
  src/codegen/emit_c.c src/codegen/emit_cuda.c \
  src/codegen/emit_cuda_map.c src/codegen/emit_cuda_border.c \
  src/codegen/emit_cuda_file.c \
  src/codegen/file.c \
  src/codegen/file_driver.c src/codegen/file_main.c src/codegen/file_sets.c \
  src/api.c src/paths.c src/program.c src/tier.c src/background.c src/ctx.c src/err.c \
  src/kernels.c src/run.c src/device.c src/device_run.c \
  src/device_program.c src/explain.c \
  src/explain_program.c src/sizes.c src/doctor.c src/calibrate.c src/bench.c \
  src/builtin/find.c src/builtin/small.c \
  runtime/trouble.c runtime/mem.c runtime/pool.c runtime/border.c runtime/places.c \
  runtime/sys.c runtime/library.c runtime/nvrtc.c runtime/gpu.c \
  runtime/cache.c runtime/cc.c runtime/interp.c runtime/ref.c \
  runtime/ref_program.c runtime/ref_value.c runtime/ref_math.c \
  runtime/ref_fold.c runtime/eval.c runtime/eval_set.c runtime/eval_build.c \
  runtime/eval_load.c runtime/eval_room.c runtime/eval_emit.c \
  runtime/eval_access.c runtime/eval_reduce.c runtime/eval_block.c \
  runtime/machine_file.c runtime/measure.c
CLI_SRC = \
  src/cli/run.c src/cli/run_program.c src/cli/emit.c src/cli/explain.c \
  src/cli/doctor.c src/cli/bench.c src/cli/help.c src/cli/flags.c \
  src/cli/say.c src/cli/file.c src/cli/interrupt.c src/cli/operands.c \
  src/cli/value.c src/cli/show.c src/cli/npy.c

LEX_SRC  = $(B)/src/parse/lex.c $(B)/src/parse/lex_program.c
LIB_OBJ  = $(LIB_SRC:%.c=$(B)/%.o) \
           $(LEX_SRC:.c=.o)
CLI_OBJ  = $(CLI_SRC:%.c=$(B)/%.o)
MAIN_OBJ = $(B)/src/cli/main.o
TESTS    = $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c \
           tests/numeric/*.c tests/fault/*.c tests/stress/*.c \
           tests/emitted/*.c tests/cuda/*.c tests/language/*.c))
FUZZ     = $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY   = $(patsubst %,%_replay,$(FUZZ))

# Built-in kernels: those of every list, for every instruction set of the
# processor's family.
BUILTIN_TARGETS = $(or $(BUILTIN$(CPU)),generic)
BUILTIN__x86_64__  = avx512 avx2 sse2
BUILTIN__aarch64__ = neon
BUILTIN_LISTS = $(sort $(wildcard src/builtin/*.txt))
BUILTIN_NAMES = $(foreach t,$(BUILTIN_TARGETS),\
  $(BUILTIN_LISTS:src/builtin/%.txt=$(B)/builtin/$t-%))
BUILTIN_OBJ = $(BUILTIN_NAMES:=.o) $(B)/builtin/table.o

all: $(B)/einc $(B)/libeinc.a $(B)/libeinc.so

# --- the library and the command

$(B)/libeinc.a: $(LIB_OBJ) $(BUILTIN_OBJ)
	rm -f $@
	ar rcs $@ $^
$(B)/$(SHARED): $(LIB_OBJ) $(BUILTIN_OBJ) src/einc.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) \
	  -Wl,--version-script=src/einc.map -o $@ $(LIB_OBJ) $(BUILTIN_OBJ) \
	  $(LIBS)
$(B)/libeinc.so: $(B)/$(SHARED)
	ln -sf $(SHARED) $(B)/$(SONAME)
	ln -sf $(SONAME) $@
$(B)/libcli.a: $(CLI_OBJ)
	rm -f $@
	ar rcs $@ $^
$(B)/einc: $(MAIN_OBJ) $(B)/libcli.a $(B)/libeinc.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# One path for every compiler and processor: see path_math.h.
$(B)/src/plan/path%.o: private COMPILE += -ffp-contract=off
$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c $< -o $@
$(LEX_SRC): $(B)/%.c: %.re
	@mkdir -p $(@D)
	re2c -W -Werror -i --no-generation-date -o $@ $<
$(LEX_SRC:.c=.o): %.o: %.c $(B)/flags
	$(COMPILE) -MMD -MP -c $< -o $@

# Other flags or another compiler in the same folder: everything again.
$(B)/flags: force
	@mkdir -p $(B)
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' > $@
force:

# --- built-in kernels: the library without them prints their sources, which
# are compiled with the flags of their instruction set. Sources that stay as
# they were keep their time, so `@:` makes nothing of them out of date.

ifdef HOSTCC
GEN = $(B)/host/einc-gen
$(GEN): force
	@$(MAKE) -s HOSTCC= CC='$(HOSTCC)' CFLAGS=-O1 LDFLAGS= B='$(B)/host' $@
else
GEN = $(B)/einc-gen
endif
$(B)/einc-gen: $(B)/src/builtin/gen.o $(B)/src/builtin/none.o $(LIB_OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

comma = ,
empty =
BUILTIN_WHAT = $(subst $(empty) $(empty),$(comma),$(strip \
  $(BUILTIN_TARGETS))) $(BUILTIN_LISTS)
$(B)/builtin/what: force
	@mkdir -p $(@D)
	@echo '$(BUILTIN_WHAT)' | cmp -s - $@ || echo '$(BUILTIN_WHAT)' > $@
$(B)/builtin/made: $(GEN) $(BUILTIN_LISTS) $(B)/builtin/what
	$(GEN) $(B)/builtin $(BUILTIN_WHAT)
	@touch $@
$(BUILTIN_NAMES:=.c) $(BUILTIN_NAMES:=.flags) $(B)/builtin/table.c: \
  $(B)/builtin/made
	@:
$(BUILTIN_NAMES:=.o): %.o: %.c %.flags $(B)/flags
	$(CC) $(CFLAGS) @$*.flags -fPIC -fvisibility=hidden -c $< -o $@
$(B)/builtin/table.o: $(B)/builtin/table.c $(B)/flags
	$(COMPILE) -MMD -MP -c $< -o $@

# --- tests: a program per file, with the library's internals at hand

tests: $(TESTS) $(REPLAY) $(B)/tools/mknpy
$(TESTS): $(B)/%: $(B)/%.o $(B)/libcli.a $(B)/libeinc.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter-out %.so,$^) -lcmocka $(LIBS)
$(B)/tests/cuda/run $(B)/tests/cuda/tensor $(B)/tests/numeric/program: \
    $(B)/tests/cuda/mock.so
$(B)/tests/cuda/mock.so: tests/cuda/mock/mock.c tests/cuda/mock/mock.h \
                         tests/cuda/mock/emulator.hpp
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(CFLAGS) -D_GNU_SOURCE -shared -fPIC -o $@ $< -ldl
$(REPLAY): %_replay: %.o $(B)/tests/fuzz/replay_main.o $(B)/libcli.a \
           $(B)/libeinc.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/tools/mknpy: $(B)/tools/mknpy.o $(B)/libcli.a $(B)/libeinc.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
.SECONDARY: $(TESTS:%=%.o) $(FUZZ:%=%.o) $(B)/tools/mknpy.o

# Everything; parts go on when one fails, and the last line is the sum.
test:
	@tools/setup.sh
	@B='$(B)' CC='$(CC)' MAKE='$(MAKE)' tools/test.sh build check unit \
	  fault stress numeric language replay cli install emitted cuda \
	  examples docs
# The test programs and the command line, without what installs or emits.
unit:
	@B='$(B)' CC='$(CC)' MAKE='$(MAKE)' tools/test.sh build unit fault \
	  stress numeric language replay cli
check:
	@tools/check_includes.sh
# Writes the expected files under tests/golden again; git diff is the review.
golden: $(B)/tests/unit/test_golden $(B)/tests/unit/test_mapreduce
	EINC_GOLDEN=write $(B)/tests/unit/test_golden
	EINC_GOLDEN=write EINC_ONLY=- $(B)/tests/unit/test_mapreduce

SAN_FLAGS  = -O1 -g -fsanitize=address,undefined \
             -fno-sanitize-recover=all -fno-omit-frame-pointer
TSAN_FLAGS = -O1 -g -fsanitize=thread
FUZZ_FLAGS = -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
             -fno-sanitize-recover=all
san:
	EINC_CASES=3000 $(MAKE) B=build-san CFLAGS='$(SAN_FLAGS)' unit
tsan:
	EINC_CASES=1000 $(MAKE) B=build-tsan CFLAGS='$(TSAN_FLAGS)' unit
# Needs clang and Debian's libclang-rt-14-dev.
fuzz:
	$(MAKE) B=build-fuzz CC=clang CFLAGS='$(FUZZ_FLAGS)' $(JOBS) fuzz-run
fuzz-run: $(FUZZ:%=%.ran)
$(FUZZ): %: %.o $(B)/libcli.a $(B)/libeinc.a
	$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
%.ran: %
	@mkdir -p $<.corpus
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=4096 \
	  -max_len=1000 -verbosity=0 -print_final_stats=1 \
	  -artifact_prefix=$<. $<.corpus $(wildcard $(<:$(B)/%=%).seeds)

# --- to look at

demo:
	@tools/setup.sh
	@test -e $(B)/einc || \
	  echo 'demo: building einc, which takes some minutes' >&2
	@$(MAKE) -s $(JOBS) B='$(B)' all $(B)/tools/mknpy
	@B='$(B)' tools/demo.sh
bench: all
	@$(MAKE) -C bench B='$(abspath $(B))'

# --- install

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include \
	  $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 755 $(B)/einc $(DESTDIR)$(PREFIX)/bin/einc
	install -m 644 include/einc.h $(DESTDIR)$(PREFIX)/include/einc.h
	install -m 644 $(B)/libeinc.a $(DESTDIR)$(PREFIX)/lib/libeinc.a
	install -m 755 $(B)/$(SHARED) $(DESTDIR)$(PREFIX)/lib/$(SHARED)
	ln -sf $(SHARED) $(DESTDIR)$(PREFIX)/lib/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(PREFIX)/lib/libeinc.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' einc.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/einc.pc
	@test -n '$(DESTDIR)' || test "$$(id -u)" -ne 0 || \
	  ! command -v ldconfig >/dev/null || ldconfig
uninstall:
	cd $(DESTDIR)$(PREFIX) && rm -f bin/einc include/einc.h \
	  lib/libeinc.a lib/$(SHARED) lib/$(SONAME) lib/libeinc.so \
	  lib/pkgconfig/einc.pc
clean:
	rm -rf build build-san build-tsan build-fuzz

help:
	@echo 'make            the command and the libraries, in $(B)/'
	@echo 'make demo       einsums, statements, examples'
	@echo 'make test       every test; installs what is missing (Debian)'
	@echo 'make unit       the test programs and the command line'
	@echo 'make check      every include, and that none points up'
	@echo 'make golden     writes the expected files of tests/golden again'
	@echo 'make san tsan   the same under the sanitizers'
	@echo 'make fuzz       every fuzz entry for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make bench      the benchmark'
	@echo 'make install    to $$(DESTDIR)$$(PREFIX), $(DESTDIR)$(PREFIX)'
	@echo 'make uninstall  takes that away again'
	@echo 'make clean      removes what was built'

.PHONY: all tests test unit check golden san tsan fuzz fuzz-run demo bench \
        install uninstall clean help force
-include $(B)/src/builtin/gen.d $(B)/src/builtin/none.d $(B)/builtin/table.d
-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(MAIN_OBJ:.o=.d)
-include $(TESTS:%=%.d) $(FUZZ:%=%.d) $(B)/tools/mknpy.d \
         $(B)/tests/fuzz/replay_main.d
