# plait: the whole build.  `make help`
#
# release, debug or asan; a folder each, so objects never mix
MODE ?= release
B    := build/$(MODE)
CC   := $(if $(filter default,$(origin CC)),gcc,$(CC))
# C++ is for CUDA's sources alone, and for the emulator of tests/emu
CXX  := $(if $(filter default,$(origin CXX)),$(patsubst %clang,%clang++,$(patsubst %gcc,%g++,$(CC))),$(CXX))

VERSION := 0.1
PREFIX  ?= /usr/local
DESTDIR ?=

WARN := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
        -Werror=implicit-function-declaration
# -march=native: kernels are built for the machine they run on; MARCH=x86-64-v3 for a package
MARCH ?= native
CFLAGS_release := -O3 -g -fno-math-errno -fno-trapping-math -ffp-contract=fast -march=$(MARCH)
CFLAGS_debug   := -O0 -g -march=$(MARCH)
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
                  -march=$(MARCH)
LDFLAGS_asan   := -fsanitize=address,undefined

CPPFLAGS := -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DBUILD='"$(MODE) -march=$(MARCH)"' -I. -Ilib
CFLAGS   := -std=c11 -pthread -fopenmp $(WARN) $(CFLAGS_$(MODE)) $(EXTRA)
LDFLAGS  := -pthread -fopenmp -Wl,--as-needed $(LDFLAGS_$(MODE))

# CUDA is used when the tree has a backend and nvcc is found; CUDA=0 leaves it out, CUDA=1 insists
NVCC ?= $(firstword $(shell command -v nvcc 2>/dev/null) \
                    $(wildcard $(addsuffix /bin/nvcc,$(CUDA_HOME) $(CUDA_PATH))))
CUDA_SRC := $(wildcard lib/math/cuda/*.c lib/math/cuda/*.cu)
CUDA ?= $(if $(NVCC),$(if $(CUDA_SRC),1,0),0)
ifeq ($(CUDA),1)
  $(if $(CUDA_SRC),,$(error CUDA=1: this version has no CUDA backend; leave CUDA out or say CUDA=0))
  $(if $(NVCC),,$(error CUDA=1: no nvcc; install the CUDA toolkit or say CUDA=0))
endif

# Machine code for A100 and Hopper, and for what comes after the driver makes its own of 8.0's
CUDA_ARCH  ?= 80 90a
CUDA_ROOT  := $(patsubst %/bin/nvcc,%,$(realpath $(shell command -v $(NVCC) 2>/dev/null)))
NVCCFLAGS  := -std=c++17 -O3 -lineinfo -Xcompiler -fno-threadsafe-statics,-fno-exceptions \
              -gencode=arch=compute_80,code=compute_80 \
              $(foreach a,$(CUDA_ARCH),-gencode=arch=compute_$a,code=sm_$a)
# The runtime is linked in and the driver found by it, cuBLASLt is opened when a GPU is: so a program
# starts where there is neither
LIBS_cuda  := -L$(CUDA_ROOT)/lib64 -Wl,-rpath,$(CUDA_ROOT)/lib64 -lcudart_static -ldl -lrt

# Who may use whom: this table is the architecture, and the linker enforces it
ROOMS := base stream text chat math model batch
TOOLS := tokenize mix step evalc
USES_tokenize := chat text stream base
USES_mix      := stream base
USES_step     := batch model math stream base
USES_evalc    := batch model math chat text stream base

# What a room brings from outside
LIBS_base   := -ljansson -lz -lzstd -lcrypto -lm
LIBS_stream := -lmsgpackc -lzstd -lxxhash
LIBS_text   := -lutf8proc -lpcre2-8
LIBS_chat   := -lutf8proc -lm
LIBS_math   := -lm $(if $(filter 1,$(CUDA)),$(LIBS_cuda))
LIBS_model  := -lm
LIBS_batch  := -lxxhash

# Unit tests see their own room and those below it; the linker holds them to it too
UNITS := $(basename $(notdir $(wildcard tests/unit/*.c)))
UNITS := $(filter-out ref,$(UNITS))
include tests/unit/rooms.mk

.SUFFIXES:
.DELETE_ON_ERROR:
all: $(TOOLS:%=bin/%) man

# Rebuild when the flags change, not only when the files do
FLAGS := $(CC) $(CXX) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(CUDA) $(if $(filter 1,$(CUDA)),$(NVCC) $(NVCCFLAGS))
$B/flags: FORCE
	@mkdir -p $(@D); echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

# `  CC    build/release/lib/base/err.c.o`, or the whole command with V=1, or nothing with -s
silent := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(filter 1,$V),,@$(if $(silent),,printf '  %-5s %s\n' $1 $@;))

$B/%.c.o: %.c $B/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(INC_$(firstword $(subst /, ,$<))) $(CFLAGS) -MMD -MP -c $< -o $@
$B/%.cu.o: %.cu $B/flags
	@mkdir -p $(@D)
	$(call say,NVCC)$(NVCC) $(CPPFLAGS) $(NVCCFLAGS) -MMD -MP -c $< -o $@
$B/lib/math/cuda/%.c.o: CPPFLAGS += -isystem $(CUDA_ROOT)/include
# Random numbers are the same bits on every machine: no fused multiply-add
$B/lib/base/rng.c.o: CFLAGS += -ffp-contract=off
INC_tokenize := -Itokenize
INC_mix      := -Imix
INC_step     := -Istep
INC_evalc    := -Ievalc

# A room is an archive; a tool's parts besides main.c are one too, so that unit tests can walk its lists
define room
$B/$1.a: $(patsubst %,$B/%.o,$2)
	$$(call say,AR)rm -f $$@; ar rcs $$@ $$^
endef
MATH_CUDA := $(if $(filter 1,$(CUDA)),$(CUDA_SRC),lib/math/nocuda.c)
$(foreach r,$(filter-out math,$(ROOMS)),$(eval $(call room,$r,$(wildcard lib/$r/*.c))))
$(eval $(call room,math,$(filter-out lib/math/nocuda.c,$(wildcard lib/math/*.c lib/math/cpu/*.c)) $(MATH_CUDA)))
$(foreach t,$(TOOLS),$(eval $(call room,$t,$(filter-out $t/main.c,$(wildcard $t/*.c $t/*/*.c)))))

# The model a second time, every float of it a double: what tests/unit/double.c compares with float64
$B/double/%.c.o: %.c tests/unit/double.h $B/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) -include tests/unit/double.h $(CFLAGS) -MMD -MP -c $< -o $@
$(eval $(call room,double,$(patsubst %,double/lib/model/%.c,backward config forward lora model next pass rope)))

libs = $(foreach r,$1,$(LIBS_$r))
archives = $(foreach r,$1,$B/$r.a)

define tool
$B/bin/$1: $B/$1/main.c.o $B/$1.a $(call archives,$(USES_$1))
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) $$(LDFLAGS) $$^ $(call libs,$(USES_$1)) -o $$@
endef
$(foreach t,$(TOOLS),$(eval $(call tool,$t)))

# The CUDA backend compiled for the CPU: before math.a on a link it takes the backend's place; and
# the product on tile registers, a second one
EMU_CU  := $(patsubst %,$B/emu/%.o,$(filter %.cu,$(CUDA_SRC)) $(filter-out %/lt.c,$(filter %.c,$(CUDA_SRC))))
EMU     := $(EMU_CU) $B/emu/lib/math/cpu/amx.c.o $(patsubst %,$B/%.o,$(wildcard tests/emu/*.c tests/emu/*.cpp)) $B/emu/tests/emu/race.cu.o
EMU_CPP  = -Itests/emu $(CPPFLAGS)
EMU_CXX := -std=c++17 -pthread -Wall -Wextra -Wno-unknown-pragmas -fno-exceptions -fno-rtti \
           $(CFLAGS_$(MODE)) $(if $(filter release,$(MODE)),-O2)
$B/emu/%.cu.o: %.cu $B/flags
	@mkdir -p $(@D)
	$(call say,EMU)$(CXX) -x c++ $(EMU_CPP) $(EMU_CXX) -MMD -MP -c $< -o $@
$B/emu/%.c.o: %.c $B/flags
	@mkdir -p $(@D)
	$(call say,EMU)$(CC) $(EMU_CPP) $(CFLAGS) -MMD -MP -c $< -o $@
$B/tests/emu/%.cpp.o: tests/emu/%.cpp $B/flags
	@mkdir -p $(@D)
	$(call say,EMU)$(CXX) $(EMU_CPP) $(EMU_CXX) -MMD -MP -c $< -o $@
$B/tests/emu/%.c.o: CPPFLAGS := -Itests/emu $(CPPFLAGS)
$(foreach u,$(EMULATED),$(eval $B/tests/unit/$u.c.o: CPPFLAGS := -Itests/emu $(CPPFLAGS)))

define unit
$B/tests/unit/$1: $B/tests/unit/$1.c.o $(if $(findstring ref,$(REF_$1)),$B/tests/unit/ref.c.o) $(if $(filter $1,$(EMULATED)),$(EMU)) $(call archives,$(USES_unit_$1))
	$$(call say,LINK)$$(CC) $$(LDFLAGS) $$^ $(call libs,$(USES_unit_$1)) -lcmocka -o $$@
endef
$(foreach u,$(UNITS),$(eval $(call unit,$u)))

# The yardstick of the products is oneDNN
LIBS_bench_gemm := -ldnnl
LIBS_bench_step := -ldnnl
LIBS_bench_ops  := -ldnnl
define bench
$B/tests/bench/$1: $B/tests/bench/$1.c.o $(call archives,$(USES_bench_$1))
	$$(call say,LINK)$$(CC) $$(LDFLAGS) $$^ $(call libs,$(USES_bench_$1)) $(LIBS_bench_$1) -o $$@
endef
BENCHES := $(basename $(notdir $(wildcard tests/bench/*.c)))
$(foreach u,$(BENCHES),$(eval $(call bench,$u)))

# Checks and speeds on a GPU: built from the few sources they need, so that a machine with nvcc and a
# C compiler will do; tests/gpu has the little they take from libraries
GPU_SRC := $(patsubst %,lib/base/%.c,err mem progress rng run utf8) \
           $(patsubst %,lib/model/%.c,backward forward lora model next pass sample) lib/math/dev.c \
           $(wildcard lib/math/cpu/*.c) $(filter %.c,$(CUDA_SRC))
GPU_LIB := $(patsubst %,$B/gpu/%.o,$(wildcard $(GPU_SRC))) $(patsubst %,$B/%.o,$(filter %.cu,$(CUDA_SRC)))
$B/gpu/%.c.o: %.c $B/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -Itests/gpu $(CPPFLAGS) -isystem $(CUDA_ROOT)/include $(CFLAGS) -MMD -MP -c $< -o $@
$B/gpu/ops $B/gpu/company: $B/gpu/%: $B/gpu/tests/unit/%.c.o $B/gpu/tests/unit/ref.c.o $B/tests/gpu/place.cu.o $(GPU_LIB)
	$(call say,LINK)$(CC) $(LDFLAGS) $^ $(LIBS_cuda) -lm -o $@
$B/gpu/agree: $B/gpu/tests/unit/agree.c.o $(GPU_LIB)
	$(call say,LINK)$(CC) $(LDFLAGS) $^ $(LIBS_cuda) -lm -o $@
$B/gpu/bench: $B/gpu/tests/gpu/bench.c.o $(GPU_LIB)
	$(call say,LINK)$(CC) $(LDFLAGS) $^ $(LIBS_cuda) -lm -o $@
need_cuda = $(if $(filter 1,$(CUDA)),,$(error $@ needs a build with CUDA, and there is no nvcc))

# Fuzzers: clang's libFuzzer when asked for by `make fuzz`; otherwise a driver that replays the corpus
FUZZERS := $(filter-out replay,$(basename $(notdir $(wildcard tests/fuzz/*.c))))
define fuzzer
$B/tests/fuzz/$1: $B/tests/fuzz/$1.c.o $B/tests/fuzz/replay.c.o $(call archives,$(USES_fuzz_$1))
	$$(call say,LINK)$$(CC) $$(LDFLAGS) $$^ $(call libs,$(USES_fuzz_$1)) -o $$@
build/fuzz/$1: tests/fuzz/$1.c $(foreach r,$(USES_fuzz_$1),$(wildcard lib/$r/*.c lib/$r/*/*.c $r/*.c $r/*/*.c))
	@mkdir -p $$(@D)
	$$(call say,FUZZ)clang -g -O1 -fsanitize=fuzzer,address,undefined -std=c11 $(CPPFLAGS) $(INC_tokenize) \
	  $$(filter-out %/main.c,$$(filter %.c,$$^)) $(call libs,$(USES_fuzz_$1)) -Wl,--as-needed -lgomp -o $$@
endef
$(foreach u,$(FUZZERS),$(eval $(call fuzzer,$u)))

-include $(shell find $B -name '*.d' 2>/dev/null)

# bin/ holds the mode built last; renamed into place, for one may be running
bin/%: $B/bin/% FORCE
	@mkdir -p $(@D); cmp -s $< $@ || { cp $< $@.new && mv -f $@.new $@; }

# Manual pages: NAME.1 with OPTIONS filled by the tool itself
PAGES := $(patsubst %,build/man/%.1,$(TOOLS)) build/man/records.5
man: $(PAGES)
build/man/records.5: lib/stream/records.5
	@mkdir -p $(@D); cp $< $@
define page
build/man/$1.1: $1/$1.1 $B/bin/$1
	@mkdir -p $$(@D); $B/bin/$1 --man >$$@.opt && \
	  awk 'FNR==NR{o=o $$$$0 "\n";next} /^@OPTIONS@$$$$/{printf "%s",o;next} {print}' $$@.opt $$< >$$@ && rm -f $$@.opt
endef
$(foreach t,$(TOOLS),$(eval $(call page,$t)))

# The n-th read, write or allocation fails: for LD_PRELOAD, so never with a sanitizer in it
$B/fault.so: tests/fault.c $B/flags
	$(call say,LINK)$(CC) -std=c11 -D_GNU_SOURCE -O1 -g $(WARN) -shared -fPIC $< -o $@

tests: $(UNITS:%=$B/tests/unit/%) $(FUZZERS:%=$B/tests/fuzz/%) $B/fault.so
check: all tests
	@MODE=$(MODE) sh tests/check
# Every source compiled, nothing linked: what another compiler has to say
objects: $(patsubst %.c,$B/%.c.o,$(wildcard $(foreach d,lib/* lib/math/cpu $(TOOLS) $(TOOLS:%=%/*) tests tests/*,$d/*.c)))
fuzz: $(FUZZERS:%=build/fuzz/%)
bench: all $(BENCHES:%=$B/tests/bench/%)
	@sh tests/bench/run

check-gpu: $B/gpu/ops $B/gpu/company $B/gpu/agree
	$(need_cuda)@sh tests/gpu/check $B/gpu
bench-gpu: $B/gpu/bench
	$(need_cuda)@$<
# Registers, spills and shared memory of every kernel, as the compiler tells them
cuda-report:
	$(need_cuda)@NVCC='$(NVCC)' sh tests/gpu/report $(CUDA_ARCH)

install: all
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 755 $(TOOLS:%=bin/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(TOOLS:%=build/man/%.1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 build/man/records.5 $(DESTDIR)$(PREFIX)/share/man/man5

clean:
	rm -rf build $(TOOLS:%=bin/%)

help:
	@echo 'make            the four programs into bin/, manual pages into build/man'
	@echo 'make check      all tests (sh tests/run also installs what they need)'
	@echo 'make bench      every speed beside its yardstick (sh pipelines/setup.sh bench installs oneDNN)'
	@echo 'make check-gpu  every op and a training run on a GPU; make bench-gpu: their speeds'
	@echo 'make cuda-report  registers and spills of every kernel'
	@echo 'make objects    every source compiled and nothing linked, for another compiler: CC=clang'
	@echo 'make fuzz       coverage-guided fuzzers into build/fuzz (clang)'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make clean'
	@echo 'MODE=release|debug|asan (now $(MODE))  MARCH=$(MARCH)  V=1 shows commands'
	@echo 'CUDA=$(CUDA) $(if $(NVCC),with $(NVCC),(no nvcc))$(if $(CUDA_SRC),,; this version has no CUDA backend)'

FORCE:
.PHONY: all man tests check objects fuzz bench check-gpu bench-gpu cuda-report install clean help FORCE
