/* A vector is as wide as a register of the instruction set that this build is for.

   One type holds floats or doubles; loads and stores need not know which, arithmetic says it in its
   name. GCC and Clang know vector types; any other compiler gets arrays of 16 bytes and loops. */

#ifndef MINICAP_VECTOR_H
#define MINICAP_VECTOR_H

#include <string.h>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#if defined(__GNUC__) || defined(__clang__)

typedef float vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef double vec_f64 __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef float unaligned_vec __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

static inline vec vector_load(const void *p) { return *(const unaligned_vec *)p; }
static inline void vector_store(void *p, vec v) { *(unaligned_vec *)p = v; }
static inline vec vector_zero(void) { vec v = {0}; return v; }

static inline vec broadcast_f32(float s) { return vector_zero() + s; }
static inline vec broadcast_f64(double s) { return (vec)((vec_f64)vector_zero() + s); }
static inline vec add_f32(vec a, vec b) { return a + b; }
static inline vec add_f64(vec a, vec b) { return (vec)((vec_f64)a + (vec_f64)b); }
static inline vec sub_f32(vec a, vec b) { return a - b; }
static inline vec sub_f64(vec a, vec b) { return (vec)((vec_f64)a - (vec_f64)b); }
static inline vec mul_f32(vec a, vec b) { return a * b; }
static inline vec mul_f64(vec a, vec b) { return (vec)((vec_f64)a * (vec_f64)b); }
/* The compiler fuses the two where the instruction set can (-ffp-contract=fast is GCC's default). */
static inline vec madd_f32(vec sum, vec a, vec b) { return sum + a * b; }
static inline vec madd_f64(vec sum, vec a, vec b) {
    return (vec)((vec_f64)sum + (vec_f64)a * (vec_f64)b);
}

#else

typedef union { float f32[4]; double f64[2]; } vec;

static inline vec vector_load(const void *p) { vec v; memcpy(&v, p, sizeof v); return v; }
static inline void vector_store(void *p, vec v) { memcpy(p, &v, sizeof v); }
static inline vec vector_zero(void) { vec v; memset(&v, 0, sizeof v); return v; }
#define EACH(kind, count, value) \
    vec out; for (int i = 0; i < count; i++) out.kind[i] = value; return out;
static inline vec broadcast_f32(float s) { EACH(f32, 4, s) }
static inline vec broadcast_f64(double s) { EACH(f64, 2, s) }
static inline vec add_f32(vec a, vec b) { EACH(f32, 4, a.f32[i] + b.f32[i]) }
static inline vec add_f64(vec a, vec b) { EACH(f64, 2, a.f64[i] + b.f64[i]) }
static inline vec sub_f32(vec a, vec b) { EACH(f32, 4, a.f32[i] - b.f32[i]) }
static inline vec sub_f64(vec a, vec b) { EACH(f64, 2, a.f64[i] - b.f64[i]) }
static inline vec mul_f32(vec a, vec b) { EACH(f32, 4, a.f32[i] * b.f32[i]) }
static inline vec mul_f64(vec a, vec b) { EACH(f64, 2, a.f64[i] * b.f64[i]) }
static inline vec madd_f32(vec sum, vec a, vec b) { EACH(f32, 4, sum.f32[i] + a.f32[i] * b.f32[i]) }
static inline vec madd_f64(vec sum, vec a, vec b) { EACH(f64, 2, sum.f64[i] + a.f64[i] * b.f64[i]) }
#undef EACH

#endif
#endif
