// Calls through functions of known names, with and without frame pointers; system calls in between.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int compare_numbers(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

__attribute__((noinline)) unsigned mix_bytes(const unsigned char *bytes, unsigned count) {
  unsigned hash = 2166136261u;
  for (unsigned i = 0; i < count; i++) hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

__attribute__((noinline)) unsigned recurse(unsigned depth, unsigned char *bytes) {
  if (depth == 0) return mix_bytes(bytes, 4096);
  return recurse(depth - 1, bytes) + depth;
}

__attribute__((noinline)) int sort_some(int *numbers, int count) {
  for (int i = 0; i < count; i++) numbers[i] = (i * 7919) % count;
  qsort(numbers, count, sizeof *numbers, compare_numbers);
  return numbers[count / 2];
}

int main(int argc, char **argv) {
  struct timespec start, now;
  double seconds = argc > 1 ? atof(argv[1]) : 1;
  unsigned char bytes[4096];
  int *numbers = malloc(4000 * sizeof *numbers);
  unsigned sum = 0;
  memset(bytes, 7, sizeof bytes);
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    sum += recurse(20, bytes) + sort_some(numbers, 4000);
    for (int i = 0; i < 200; i++) sum += getppid();
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9 < seconds);
  printf("%u\n", sum);
}
