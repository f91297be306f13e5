# SPDX-License-Identifier: MIT
# What the Makefiles of 07 and later share. `make check` builds main.c and
# compares what it prints, interpreted and compiled. B is the build folder of
# einc; NAME the folder's name, ARGS the arguments of main.
B      ?= ../../build
ifeq ($(origin CC),default)
CC      = gcc
endif
CFLAGS  = -O2 -std=c11 -Wall -Wextra -Wconversion -Wshadow
OUT     = $(B)/examples/$(NAME)

check: $(OUT)/main
	EINC_TIER=interp $(OUT)/main $(ARGS) > $(OUT)/interp.txt
	diff -u expected.txt $(OUT)/interp.txt
	EINC_TIER=cc EINC_CACHE_DIR=$(OUT)/cache $(OUT)/main $(ARGS) > $(OUT)/cc.txt
	diff -u expected.txt $(OUT)/cc.txt

$(OUT)/main: main.c ../../include/einc.h $(B)/libeinc.a
	@mkdir -p $(OUT)
	$(CC) $(CFLAGS) -I../../include -o $@ main.c $(B)/libeinc.a \
	  -lmd -ldl -lpthread -lm

$(B)/libeinc.a:
	$(MAKE) -C ../.. B='$(abspath $(B))' all

.PHONY: check
