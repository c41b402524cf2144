// A program whose stacks say who it is: each copy burns in a function of its own name, so what a sample is of is known
// from the sample itself, and what a recorder says of it can be held against that.
//
//   burner steady 3              in burn_03, for ever
//   burner forks 3 20 [60]       children that live for 20 ms of CPU each, one after another, and 60 ms of rest
//   burner execs 3 4 20 OTHER    20 ms in burn_03, then becomes OTHER, which does 20 ms in burn_04 and comes back
//   burner serves FIFO           a child per line `3 500 [NAME]`: 500 ms in burn_03, in a thread of that name if given
//   burner obeys FIFO            the same, but does it itself
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface BurnerOptions {
  /** How many functions: `burn_00` and up. */
  readonly functions: number
  /** Lays the functions out the other way round: at the address of one program's `burn_00` is the other's last. */
  readonly isReversed?: boolean
}

/** `burn_07`. */
export const burnName = (index: number): string => `burn_${String(index).padStart(2, '0')}`

/** Compiles it with gcc, static, so that any image can hold it. @returns its path in the folder */
export function buildBurner(folder: string, name: string, { functions, isReversed = false }: BurnerOptions): string {
  const indexes = Array.from({ length: functions }, (_, i) => i)
  const bodies = (isReversed ? [...indexes].reverse() : indexes).map((i) => `BURN(${burnName(i)})`)
  const table = indexes.map(burnName).join(', ')
  const source = join(folder, `${name}.c`)
  const program = join(folder, name)
  writeFileSync(source, sourceOf(bodies.join('\n'), table))
  // One function each, although they are all alike, and frame pointers to walk the stack by.
  const options = ['-O1', '-fno-ipa-icf', '-fno-omit-frame-pointer', '-fno-toplevel-reorder', '-static', '-pthread']
  execFileSync('gcc', [...options, '-o', program, source], { stdio: ['ignore', 'ignore', 'pipe'] })
  return program
}

/** The clock is asked between calls that take some 0.1 ms: hardly a sample falls outside the burning function. */
const sourceOf = (bodies: string, table: string): string => `#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static volatile unsigned long sink;
#define BURN(name) __attribute__((noinline)) static void name(void) { for (int i = 0; i < 50000; i++) sink += i; }
${bodies}
static void (*const table[])(void) = { ${table} };
static void burn(int index, double ms) {
  struct timespec now;
  double end = 0;
  do {
    table[index]();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    double at = now.tv_sec * 1e3 + now.tv_nsec / 1e6;
    if (end == 0) end = at + ms;
    if (at >= end) return;
  } while (1);
}
struct job { int index; double ms; char name[16]; };
static void *work(void *argument) {
  struct job *job = argument;
  prctl(PR_SET_NAME, job->name);
  burn(job->index, job->ms);
  return NULL;
}
static void serve(const char *path, int forks) {
  signal(SIGCHLD, SIG_IGN);
  char line[200];
  for (;;) {
    FILE *fifo = fopen(path, "r");
    if (!fifo) exit(1);
    while (fgets(line, sizeof line, fifo)) {
      struct job job = { 0 };
      int fields = sscanf(line, "%d %lf %15s", &job.index, &job.ms, job.name);
      if (fields < 2 || (forks && fork())) continue;
      if (fields == 2) burn(job.index, job.ms);
      else {
        pthread_t thread;
        pthread_create(&thread, NULL, work, &job);
        pthread_join(thread, NULL);
      }
      if (forks) _exit(0);
    }
    fclose(fifo);
  }
}
int main(int count, char **words) {
  const char *mode = words[1];
  if (!strcmp(mode, "serves")) serve(words[2], 1);
  if (!strcmp(mode, "obeys")) serve(words[2], 0);
  int index = atoi(words[2]);
  if (!strcmp(mode, "steady")) for (;;) burn(index, 1e9);
  if (!strcmp(mode, "forks")) for (;;) {
    if (!fork()) { burn(index, atof(words[3])); _exit(0); }
    wait(NULL);
    if (count > 4) usleep(1000 * atoi(words[4]));
  }
  if (!strcmp(mode, "execs")) {
    burn(index, atof(words[4]));
    char *next[] = { words[5], words[1], words[3], words[2], words[4], words[0], NULL };
    execv(words[5], next);
  }
  return 1;
}
`
