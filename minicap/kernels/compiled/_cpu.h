/* What the processor and the system under it can do, as far as a build asks for it, and whether it has OpenMP. */

#ifndef MINICAP_CPU_H
#define MINICAP_CPU_H

#ifdef _OPENMP
#define BUILT_WITH_OPENMP 1
#else
#define BUILT_WITH_OPENMP 0
#endif

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))

static inline int cpu_has_v3(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("bmi2");
}

static inline int cpu_has_v4(void) {
    return cpu_has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
}

#else

static inline int cpu_has_v3(void) { return 0; }
static inline int cpu_has_v4(void) { return 0; }

#endif
#endif
