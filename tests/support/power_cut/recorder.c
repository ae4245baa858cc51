/* Writes down what a process does to the files of one folder, call by call, in the order in which it
 * happens: to be preloaded. See recording.py, which reads the log.
 *
 * POWER_CUT_ROOT names the folder (absolute), POWER_CUT_LOG the log. Processes that this one starts are
 * not recorded.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, RMDIR, CLOSE };
enum { MOST_FDS = 4096 };

struct record {
  uint32_t op;
  int32_t fd;
  uint64_t offset;
  uint32_t flags, path_bytes, other_bytes, data_bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char root[PATH_MAX];
static size_t root_bytes;
static unsigned char watched[MOST_FDS];

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("POWER_CUT_ROOT"), *log = getenv("POWER_CUT_LOG");
  if (!folder || !log || getenv("POWER_CUT_PID")) return;
  setenv("POWER_CUT_PID", "taken", 1);
  snprintf(root, sizeof root, "%s", folder);
  root_bytes = strlen(root);
  log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *data, size_t bytes) {
  while (bytes) {
    long done = syscall(SYS_write, log_fd, data, bytes);
    if (done <= 0) abort();
    data = (const char *)data + done;
    bytes -= (size_t)done;
  }
}

static void note(uint32_t op, int fd, uint64_t offset, uint32_t flags, const char *path, const char *other,
                 const void *data, size_t bytes) {
  struct record r = {op, fd, offset, flags, path ? strlen(path) : 0, other ? strlen(other) : 0, bytes};
  put(&r, sizeof r);
  if (path) put(path, r.path_bytes);
  if (other) put(other, r.other_bytes);
  if (bytes) put(data, bytes);
}

/* The absolute path, or NULL if it is none of ours. */
static const char *ours(int at, const char *path, char *space) {
  if (log_fd < 0 || !path) return NULL;
  if (path[0] == '/') {
    snprintf(space, PATH_MAX, "%s", path);
  } else {
    char link[64], folder[PATH_MAX];
    snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
    long bytes = readlink(link, folder, sizeof folder - 1);
    if (bytes < 0) return NULL;
    folder[bytes] = 0;
    snprintf(space, PATH_MAX, "%.2000s/%.2000s", folder, path);
  }
  if (strncmp(space, root, root_bytes) != 0) return NULL;
  if (space[root_bytes] == 0) return space + root_bytes; /* the folder itself */
  return space[root_bytes] == '/' ? space + root_bytes + 1 : NULL;
}

static int is_watched(int fd) { return log_fd >= 0 && fd >= 0 && fd < MOST_FDS && watched[fd]; }

static int opened(int fd, int at, const char *path, int flags) {
  char space[PATH_MAX];
  const char *found = fd >= 0 && fd < MOST_FDS ? ours(at, path, space) : NULL;
  if (fd >= 0 && fd < MOST_FDS) watched[fd] = found != NULL;
  if (found) note(OPEN, fd, 0, (uint32_t)flags, found, NULL, NULL, 0);
  return fd;
}

#define LOCKED(type, expression)     \
  pthread_mutex_lock(&lock);         \
  type result = (expression);        \
  int kept_errno = errno;

#define UNLOCKED                 \
  pthread_mutex_unlock(&lock);   \
  errno = kept_errno;            \
  return result;

#define MODE                      \
  va_list rest;                   \
  va_start(rest, flags);          \
  mode_t mode = va_arg(rest, mode_t); \
  va_end(rest);

int open(const char *path, int flags, ...) {
  MODE
  LOCKED(int, opened(REAL(open)(path, flags, mode), AT_FDCWD, path, flags))
  UNLOCKED
}

int open64(const char *path, int flags, ...) {
  MODE
  LOCKED(int, opened(REAL(open64)(path, flags, mode), AT_FDCWD, path, flags))
  UNLOCKED
}

int openat(int at, const char *path, int flags, ...) {
  MODE
  LOCKED(int, opened(REAL(openat)(at, path, flags, mode), at, path, flags))
  UNLOCKED
}

int openat64(int at, const char *path, int flags, ...) {
  MODE
  LOCKED(int, opened(REAL(openat64)(at, path, flags, mode), at, path, flags))
  UNLOCKED
}

int close(int fd) {
  pthread_mutex_lock(&lock);
  if (is_watched(fd)) {
    note(CLOSE, fd, 0, 0, NULL, NULL, NULL, 0);
    watched[fd] = 0;
  }
  pthread_mutex_unlock(&lock);
  return REAL(close)(fd);
}

static uint64_t position(int fd) {
  struct stat found;
  if (fcntl(fd, F_GETFL) & O_APPEND) return fstat(fd, &found) ? 0 : (uint64_t)found.st_size;
  return (uint64_t)lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t bytes) {
  if (!is_watched(fd)) return REAL(write)(fd, data, bytes);
  uint64_t at = position(fd);
  LOCKED(ssize_t, REAL(write)(fd, data, bytes))
  if (result > 0) note(WRITE, fd, at, 0, NULL, NULL, data, (size_t)result);
  UNLOCKED
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) {
  if (!is_watched(fd)) return REAL(pwrite)(fd, data, bytes, at);
  LOCKED(ssize_t, REAL(pwrite)(fd, data, bytes, at))
  if (result > 0) note(WRITE, fd, (uint64_t)at, 0, NULL, NULL, data, (size_t)result);
  UNLOCKED
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) {
  if (!is_watched(fd)) return REAL(pwrite64)(fd, data, bytes, at);
  LOCKED(ssize_t, REAL(pwrite64)(fd, data, bytes, at))
  if (result > 0) note(WRITE, fd, (uint64_t)at, 0, NULL, NULL, data, (size_t)result);
  UNLOCKED
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (is_watched(fd)) abort(); /* nobody here does that; better to know */
  return REAL(writev)(fd, parts, count);
}

int ftruncate(int fd, off_t size) {
  LOCKED(int, REAL(ftruncate)(fd, size))
  if (result == 0 && is_watched(fd)) note(TRUNCATE, fd, (uint64_t)size, 0, NULL, NULL, NULL, 0);
  UNLOCKED
}

int ftruncate64(int fd, off64_t size) {
  LOCKED(int, REAL(ftruncate64)(fd, size))
  if (result == 0 && is_watched(fd)) note(TRUNCATE, fd, (uint64_t)size, 0, NULL, NULL, NULL, 0);
  UNLOCKED
}

int fsync(int fd) {
  LOCKED(int, REAL(fsync)(fd))
  if (result == 0 && is_watched(fd)) note(SYNC, fd, 0, 0, NULL, NULL, NULL, 0);
  UNLOCKED
}

int fdatasync(int fd) {
  LOCKED(int, REAL(fdatasync)(fd))
  if (result == 0 && is_watched(fd)) note(SYNC, fd, 0, 0, NULL, NULL, NULL, 0);
  UNLOCKED
}

static void one(uint32_t op, int at, const char *path) {
  char space[PATH_MAX];
  const char *found = ours(at, path, space);
  if (found) note(op, -1, 0, 0, found, NULL, NULL, 0);
}

static void two(int at, const char *old, int other_at, const char *new) {
  char space[PATH_MAX], other_space[PATH_MAX];
  const char *found = ours(at, old, space), *other = ours(other_at, new, other_space);
  if (found && other) note(RENAME, -1, 0, 0, found, other, NULL, 0);
}

int rename(const char *old, const char *new) {
  LOCKED(int, REAL(rename)(old, new))
  if (result == 0) two(AT_FDCWD, old, AT_FDCWD, new);
  UNLOCKED
}

int renameat(int at, const char *old, int other_at, const char *new) {
  LOCKED(int, REAL(renameat)(at, old, other_at, new))
  if (result == 0) two(at, old, other_at, new);
  UNLOCKED
}

int unlink(const char *path) {
  LOCKED(int, REAL(unlink)(path))
  if (result == 0) one(UNLINK, AT_FDCWD, path);
  UNLOCKED
}

int unlinkat(int at, const char *path, int flags) {
  LOCKED(int, REAL(unlinkat)(at, path, flags))
  if (result == 0) one(flags & AT_REMOVEDIR ? RMDIR : UNLINK, at, path);
  UNLOCKED
}

int rmdir(const char *path) {
  LOCKED(int, REAL(rmdir)(path))
  if (result == 0) one(RMDIR, AT_FDCWD, path);
  UNLOCKED
}

int mkdir(const char *path, mode_t mode) {
  LOCKED(int, REAL(mkdir)(path, mode))
  if (result == 0) one(MKDIR, AT_FDCWD, path);
  UNLOCKED
}

int mkdirat(int at, const char *path, mode_t mode) {
  LOCKED(int, REAL(mkdirat)(at, path, mode))
  if (result == 0) one(MKDIR, at, path);
  UNLOCKED
}
