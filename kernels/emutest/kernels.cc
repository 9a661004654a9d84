//go:build emu && cgo

#include <math.h>

#include "../emu.h"
#include "params.h"

namespace {
#include "right.cu"
#include "wrong.cu"
} // namespace
