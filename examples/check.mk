# SPDX-License-Identifier: MIT
# What the Makefiles of 07 and later share. `make check` builds main.c and
# compares what it prints, interpreted and compiled. B is the build folder of
# einc; NAME the folder's name, ARGS the arguments of main. TIERS: networks of
# hundreds of steps take built-in kernels, not hundreds of compiled ones.
B      ?= ../../build
ifeq ($(origin CC),default)
CC      = gcc
endif
CFLAGS  = -O2 -std=c11 -Wall -Wextra -Wconversion -Wshadow
OUT     = $(B)/examples/$(NAME)
TIERS  ?= interp cc

check: $(OUT)/main
	for tier in $(TIERS); do \
	    EINC_TIER=$$tier EINC_CACHE_DIR=$(OUT)/cache \
	        $(OUT)/main $(ARGS) > $(OUT)/$$tier.txt || exit 1; \
	    diff -u expected.txt $(OUT)/$$tier.txt || exit 1; \
	done

$(OUT)/main: main.c ../../include/einc.h $(B)/libeinc.a
	@mkdir -p $(OUT)
	$(CC) $(CFLAGS) -I../../include -o $@ main.c $(B)/libeinc.a \
	  -lmd -ldl -lpthread -lm

$(B)/libeinc.a:
	$(MAKE) -C ../.. B='$(abspath $(B))' all

.PHONY: check
