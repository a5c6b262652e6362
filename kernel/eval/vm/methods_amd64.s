//go:build amd64

#include "textflag.h"

// methodStubs are the codes of methods as compiled code finds them in interfaces,
// 16 bytes each. A stub goes on to the code of the func value in its slot, with
// all registers as they are but for the context and R12, which hold no arguments.

#define STUB(off) \
	PCALIGN $16; \
	MOVQ ·methodSlots+(off)(SB), DX; \
	MOVQ (DX), R12; \
	JMP R12
#define STUB8(off) \
	STUB(off); STUB(off+8); STUB(off+16); STUB(off+24); \
	STUB(off+32); STUB(off+40); STUB(off+48); STUB(off+56)
#define STUB64(off) \
	STUB8(off); STUB8(off+64); STUB8(off+128); STUB8(off+192); \
	STUB8(off+256); STUB8(off+320); STUB8(off+384); STUB8(off+448)
#define STUB512(off) \
	STUB64(off); STUB64(off+512); STUB64(off+1024); STUB64(off+1536); \
	STUB64(off+2048); STUB64(off+2560); STUB64(off+3072); STUB64(off+3584)

TEXT ·methodStubs(SB), NOSPLIT|NOFRAME, $0
	STUB512(0)
	STUB512(4096)
	STUB512(8192)
	STUB512(12288)
	STUB512(16384)
	STUB512(20480)
	STUB512(24576)
	STUB512(28672)
	STUB512(32768)
	STUB512(36864)
	STUB512(40960)
	STUB512(45056)
	STUB512(49152)
	STUB512(53248)
	STUB512(57344)
	STUB512(61440)

// func methodStubsAddr() uintptr
TEXT ·methodStubsAddr(SB), NOSPLIT, $0-8
	LEAQ ·methodStubs(SB), AX
	MOVQ AX, ret+0(FP)
	RET
