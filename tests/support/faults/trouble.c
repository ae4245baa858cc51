/* Loaded before a program: moves its wall clock, and turns its disk read-only, when told to.

   TROUBLE_CLOCK  file with seconds that are added to the wall clock; the monotonic one goes on
   TROUBLE_DISK   folder; while the file TROUBLE_SWITCH exists, nothing in it can be written
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static double skew(void) {
  const char *path = getenv("TROUBLE_CLOCK");
  if (!path) return 0.0;
  FILE *file = fopen(path, "re");
  double found = 0.0;
  if (file) {
    if (fscanf(file, "%lf", &found) != 1) found = 0.0;
    fclose(file);
  }
  return found;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int done = real(clock, now);
  if (done == 0 && clock == CLOCK_REALTIME) now->tv_sec += (time_t)skew();
  return done;
}

int gettimeofday(struct timeval *now, void *zone) {
  (void)zone;
  struct timespec exact;
  if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (out) *out = exact.tv_sec;
  return exact.tv_sec;
}

static int refused_path(const char *path) {
  const char *folder = getenv("TROUBLE_DISK"), *latch = getenv("TROUBLE_SWITCH");
  if (!folder || !latch || access(latch, F_OK)) return 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

static int refused(int fd) {
  char link[64], path[4096];
  const char *folder = getenv("TROUBLE_DISK"), *latch = getenv("TROUBLE_SWITCH");
  if (!folder || !latch || access(latch, F_OK)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

#define REFUSING(kind, name, parameters, arguments)                     \
  kind name parameters {                                                \
    static kind(*real) parameters;                                      \
    if (!real) real = dlsym(RTLD_NEXT, #name);                          \
    if (refused(fd)) { errno = EROFS; return -1; }                      \
    return real arguments;                                              \
  }

REFUSING(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
REFUSING(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
REFUSING(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
REFUSING(int, ftruncate, (int fd, off_t size), (fd, size))
REFUSING(int, ftruncate64, (int fd, off64_t size), (fd, size))

#define REFUSING_PATH(name)                                             \
  int name(const char *path, int flags, ...) {                          \
    static int (*real)(const char *, int, ...);                         \
    if (!real) real = dlsym(RTLD_NEXT, #name);                          \
    va_list rest;                                                       \
    va_start(rest, flags);                                              \
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                       \
    if ((flags & (O_CREAT | O_TRUNC)) && refused_path(path)) {          \
      errno = EROFS;                                                    \
      return -1;                                                        \
    }                                                                   \
    return real(path, flags, mode);                                     \
  }

REFUSING_PATH(open)
REFUSING_PATH(open64)
