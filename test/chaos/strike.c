// Loaded ahead of the C library (LD_PRELOAD): numbers the calls that change files under STRIKE_PATH, over all processes and threads that share the
// file STRIKE_CONTROL, and strikes at the call with a number: it ends the process, or lets calls fail. STRIKE_LOG gets a line for each call.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { writes = 1, syncs = 2, names = 4, sizes = 8 };
enum { none, kill_one, kill_all, torn, fail, move_folder };

// 32 bits each, little-endian, as test/chaos/strike.ts writes them.
static volatile struct {
  uint32_t kinds;   // the kinds of calls that are numbered
  uint32_t first;   // the number of the call at which it strikes
  uint32_t count;   // the number of calls that fail
  uint32_t what;
  uint32_t error;   // an errno
  uint32_t next;    // written here: the calls so far
  uint32_t struck;  // written here: the calls that were struck
  uint32_t pids[8]; // written here: the processes
} *control;
static const char *folder;
static size_t length;
static int lines = -1;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("STRIKE_CONTROL"), *log = getenv("STRIKE_LOG");
  folder = getenv("STRIKE_PATH");
  if (path == NULL || folder == NULL || log == NULL) return;
  length = strlen(folder);
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *bytes = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (bytes == MAP_FAILED) return;
  lines = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  control = bytes;
  for (int i = 0; i < 8; i++) {
    uint32_t free = 0;
    if (__atomic_compare_exchange_n((uint32_t *)&control->pids[i], &free, (uint32_t)getpid(), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) break;
  }
}

static int is_ours(const char *path) { return control != NULL && strncmp(path, folder, length) == 0; }

static int path_of(int file, char *path) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, PATH_MAX - 1);
  if (size <= 0) return 0;
  path[size] = 0;
  return is_ours(path);
}

static void end_process(uint32_t pid) { syscall(SYS_kill, pid, SIGKILL); }

// What becomes of a call. Returns an errno, 0, or -1 where half of it is to be done before the process ends.
static int strike(int kind, const char *call, const char *path) {
  if (!(control->kinds & kind)) return 0;
  uint32_t number = __atomic_add_fetch((uint32_t *)&control->next, 1, __ATOMIC_SEQ_CST);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  char line[PATH_MAX + 100];
  int size = snprintf(line, sizeof line, "%u %d %lld %s %s\n", number, getpid(), now.tv_sec * 1000000LL + now.tv_nsec / 1000, call, path + length);
  syscall(SYS_write, lines, line, size);
  if (control->what == none || number < control->first || number - control->first >= control->count) return 0;
  __atomic_fetch_add((uint32_t *)&control->struck, 1, __ATOMIC_SEQ_CST);
  switch (control->what) {
  case kill_all:
    for (int i = 0; i < 8; i++)
      if (control->pids[i] != 0 && control->pids[i] != (uint32_t)getpid()) end_process(control->pids[i]);
    // fall through
  case kill_one:
    end_process(getpid());
    for (;;) pause();
  case torn:
    return -1;
  case fail:
    return control->error;
  case move_folder: {
    char aside[PATH_MAX];
    snprintf(aside, sizeof aside, "%s-moved", folder);
    syscall(SYS_rename, folder, aside);
    return 0;
  }
  }
  return 0;
}

static int on_file(int kind, const char *call, int file) {
  char path[PATH_MAX];
  if (control == NULL || !path_of(file, path)) return 0;
  return strike(kind, call, path);
}
static int on_path(int kind, const char *call, const char *path) {
  return is_ours(path) ? strike(kind, call, path) : 0;
}

static void die(void) {
  end_process(getpid());
  for (;;) pause();
}

#define NEXT(result, name, parameters)                                                                                 \
  static result(*next) parameters;                                                                                     \
  if (next == NULL) next = (result(*) parameters)dlsym(RTLD_NEXT, #name);

// The first half of a write, up to the end of a page: the system copies page by page, and a kill ends that between two of them.
static size_t half(size_t size, off64_t at) {
  off64_t end = (at + (off64_t)(size / 2)) & ~(off64_t)4095;
  return end > at ? (size_t)(end - at) : 0;
}

#define CALL(result, name, parameters, arguments, half, fate)                                                          \
  result name parameters {                                                                                             \
    NEXT(result, name, parameters)                                                                                     \
    int error = fate;                                                                                                  \
    if (error == -1) {                                                                                                 \
      half;                                                                                                            \
      die();                                                                                                           \
    }                                                                                                                  \
    if (error != 0) {                                                                                                  \
      errno = error;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return next arguments;                                                                                             \
  }

#define WRITE(name, parameters, arguments, half) CALL(ssize_t, name, parameters, arguments, half, on_file(writes, #name, file))
WRITE(write, (int file, const void *bytes, size_t size), (file, bytes, size), next(file, bytes, size / 2))
WRITE(pwrite, (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at), next(file, bytes, half(size, at), at))
WRITE(pwrite64, (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at), next(file, bytes, half(size, at), at))
WRITE(writev, (int file, const struct iovec *parts, int count), (file, parts, count), next(file, parts, count / 2))
WRITE(pwritev, (int file, const struct iovec *parts, int count, off_t at), (file, parts, count, at), next(file, parts, count / 2, at))
WRITE(pwritev64, (int file, const struct iovec *parts, int count, off64_t at), (file, parts, count, at), next(file, parts, count / 2, at))
CALL(int, fsync, (int file), (file), , on_file(syncs, "fsync", file))
CALL(int, fdatasync, (int file), (file), , on_file(syncs, "fdatasync", file))
CALL(int, ftruncate, (int file, off_t size), (file, size), , on_file(sizes, "ftruncate", file))
CALL(int, ftruncate64, (int file, off64_t size), (file, size), , on_file(sizes, "ftruncate64", file))
CALL(int, truncate, (const char *path, off_t size), (path, size), , on_path(sizes, "truncate", path))
CALL(int, fallocate, (int file, int mode, off_t at, off_t size), (file, mode, at, size), , on_file(sizes, "fallocate", file))
CALL(int, unlink, (const char *path), (path), , on_path(names, "unlink", path))
// Node removes files by the C++ library, which calls one of these.
CALL(int, remove, (const char *path), (path), , on_path(names, "unlink", path))
CALL(int, unlinkat, (int at, const char *path, int flags), (at, path, flags), , on_path(names, "unlink", path))
CALL(int, rename, (const char *from, const char *to), (from, to), , on_path(names, "rename", from))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), , on_path(names, "mkdir", path))
CALL(int, rmdir, (const char *path), (path), , on_path(names, "rmdir", path))

// An open that makes a file.
static int makes(const char *path, int flags) {
  return (flags & O_CREAT) && is_ours(path) && syscall(SYS_access, path, F_OK) != 0;
}

#define OPEN(name)                                                                                                     \
  int name(const char *path, int flags, ...) {                                                                         \
    NEXT(int, name, (const char *, int, ...))                                                                          \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
      va_list more;                                                                                                    \
      va_start(more, flags);                                                                                           \
      mode = va_arg(more, mode_t);                                                                                     \
      va_end(more);                                                                                                    \
    }                                                                                                                  \
    int error = makes(path, flags) ? strike(names, "create", path) : 0;                                                \
    if (error == -1) die();                                                                                            \
    if (error != 0) {                                                                                                  \
      errno = error;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return next(path, flags, mode);                                                                                    \
  }

OPEN(open)
OPEN(open64)
