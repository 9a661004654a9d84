#include "textflag.h"

// SQUARE adds (x - y)² to a sum: four columns of one row.
#define SQUARE(y, x, sum) \
	VSUBPD y, x, Y14     \
	VMULPD Y14, Y14, Y14 \
	VADDPD Y14, sum, sum

// func tileAVX(x0, x1, p *float64, d int, out0, out1 *[16]float64)
// Adds to out0 and out1. Y0..Y3 hold the sums of x0 against the panel's sixteen columns, Y4..Y7 those of x1. There is no fused
// multiply-add: the sums have the bits of the Go version.
TEXT ·tileAVX(SB), NOSPLIT, $0-48
	MOVQ x0+0(FP), AX
	MOVQ x1+8(FP), BX
	MOVQ p+16(FP), CX
	MOVQ d+24(FP), DX
	MOVQ out0+32(FP), DI
	MOVQ out1+40(FP), SI
	VMOVUPD 0(DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	VMOVUPD 0(SI), Y4
	VMOVUPD 32(SI), Y5
	VMOVUPD 64(SI), Y6
	VMOVUPD 96(SI), Y7

coordinate:
	VBROADCASTSD (AX), Y12
	VBROADCASTSD (BX), Y13
	VMOVUPD 0(CX), Y8
	VMOVUPD 32(CX), Y9
	VMOVUPD 64(CX), Y10
	VMOVUPD 96(CX), Y11
	SQUARE(Y8, Y12, Y0)
	SQUARE(Y9, Y12, Y1)
	SQUARE(Y10, Y12, Y2)
	SQUARE(Y11, Y12, Y3)
	SQUARE(Y8, Y13, Y4)
	SQUARE(Y9, Y13, Y5)
	SQUARE(Y10, Y13, Y6)
	SQUARE(Y11, Y13, Y7)
	ADDQ $8, AX
	ADDQ $8, BX
	ADDQ $128, CX
	DECQ DX
	JNZ  coordinate

	VMOVUPD Y0, 0(DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VMOVUPD Y4, 0(SI)
	VMOVUPD Y5, 32(SI)
	VMOVUPD Y6, 64(SI)
	VMOVUPD Y7, 96(SI)
	VZEROUPPER
	RET

// func firstBelowAVX(c, v *float64, n int, bound float64) int
// The first multiple of 8 below n, itself a multiple of 8, from where one of eight c - v is below bound; or n.
TEXT ·firstBelowAVX(SB), NOSPLIT, $0-40
	MOVQ c+0(FP), AX
	MOVQ v+8(FP), BX
	MOVQ n+16(FP), CX
	VBROADCASTSD bound+24(FP), Y0
	XORQ DX, DX

next:
	CMPQ DX, CX
	JGE  done
	VMOVUPD (AX)(DX*8), Y1
	VMOVUPD 32(AX)(DX*8), Y2
	VSUBPD (BX)(DX*8), Y1, Y1
	VSUBPD 32(BX)(DX*8), Y2, Y2
	VMINPD Y1, Y2, Y2
	VCMPPD $1, Y0, Y2, Y1
	VMOVMSKPD Y1, R8
	TESTL R8, R8
	JNZ  done
	ADDQ $8, DX
	JMP  next

done:
	MOVQ DX, ret+32(FP)
	VZEROUPPER
	RET
