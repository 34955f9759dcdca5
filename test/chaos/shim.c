// Loaded ahead of the C library (LD_PRELOAD): the calls that touch files under SHIM_PATH fail, or wait, as the bytes of the file SHIM_CONTROL
// say, at any moment:
//   0  percent of writes that fail with EIO        4  1: writes fail with ENOSPC
//   1  percent of syncs that fail with EIO         6  ms that each write waits, 16 bits, little-endian
//   2  percent of reads that fail with EIO         8  ms that each sync waits, 16 bits, little-endian
//   3  percent of opens that fail with EMFILE     12  the count of calls that failed or waited, 32 bits: written here
// Reads of one page fail with EIO, as those of a bad sector do: SHIM_BAD_FILE is its file, SHIM_BAD_PAGE its offset there.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static volatile uint8_t *control;
static const char *folder;
static size_t length;

static const char *bad_file;
static off64_t bad_page;

__attribute__((constructor)) static void begin(void) {
  bad_file = getenv("SHIM_BAD_FILE");
  if (bad_file != NULL) bad_page = atoll(getenv("SHIM_BAD_PAGE"));
  const char *path = getenv("SHIM_CONTROL");
  folder = getenv("SHIM_PATH");
  if (path == NULL || folder == NULL) return;
  length = strlen(folder);
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *bytes = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (bytes != MAP_FAILED) control = bytes;
}

static int is_ours(const char *path) { return strncmp(path, folder, length) == 0; }

static int path_of(int file, char *path) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, PATH_MAX - 1);
  if (size <= 0) return 0;
  path[size] = 0;
  return 1;
}

static int is_open(int file) {
  char path[PATH_MAX];
  return path_of(file, path) && is_ours(path);
}

static int is_bad(int file, size_t size, off64_t at) {
  char path[PATH_MAX];
  if (bad_file == NULL || at >= bad_page + 4096 || at + (off64_t)size <= bad_page) return 0;
  return path_of(file, path) && strcmp(path, bad_file) == 0;
}

static void count(void) { __atomic_fetch_add((uint32_t *)(control + 12), 1, __ATOMIC_RELAXED); }

static int happens(int percent) {
  static __thread unsigned seed;
  if (percent == 0) return 0;
  if (seed == 0) seed = (unsigned)time(NULL) ^ (unsigned)(uintptr_t)&seed ^ (unsigned)getpid();
  if ((int)(rand_r(&seed) % 100) >= percent) return 0;
  count();
  return 1;
}

static void wait_for(int place) {
  int ms = control[place] | control[place + 1] << 8;
  if (ms == 0) return;
  count();
  struct timespec time = {ms / 1000, (ms % 1000) * 1000000L};
  nanosleep(&time, NULL);
}

// Each returns an error, or 0.
static int write_fault(int file) {
  if (control == NULL || (!control[0] && !control[4] && !control[6] && !control[7]) || !is_open(file)) return 0;
  wait_for(6);
  if (control[4]) return count(), ENOSPC;
  return happens(control[0]) ? EIO : 0;
}
static int sync_fault(int file) {
  if (control == NULL || (!control[1] && !control[8] && !control[9]) || !is_open(file)) return 0;
  wait_for(8);
  return happens(control[1]) ? EIO : 0;
}
static int read_fault(int file) { return control != NULL && control[2] && is_open(file) && happens(control[2]) ? EIO : 0; }
static int read_fault_at(int file, size_t size, off64_t at) { return is_bad(file, size, at) ? EIO : read_fault(file); }
static int open_fault(const char *path) {
  return control != NULL && control[3] && is_ours(path) && happens(control[3]) ? EMFILE : 0;
}

#define CALL(result, name, parameters, arguments, fault)                                                               \
  result name parameters {                                                                                             \
    static result(*next) parameters;                                                                                   \
    if (next == NULL) next = (result(*) parameters)dlsym(RTLD_NEXT, #name);                                            \
    int error = fault;                                                                                                 \
    if (error != 0) {                                                                                                  \
      errno = error;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return next arguments;                                                                                             \
  }

CALL(ssize_t, write, (int file, const void *bytes, size_t size), (file, bytes, size), write_fault(file))
CALL(ssize_t, pwrite, (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at), write_fault(file))
CALL(ssize_t, pwrite64, (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at), write_fault(file))
CALL(ssize_t, read, (int file, void *bytes, size_t size), (file, bytes, size), read_fault(file))
CALL(ssize_t, pread, (int file, void *bytes, size_t size, off_t at), (file, bytes, size, at), read_fault_at(file, size, at))
CALL(ssize_t, pread64, (int file, void *bytes, size_t size, off64_t at), (file, bytes, size, at), read_fault_at(file, size, at))
CALL(int, fsync, (int file), (file), sync_fault(file))
CALL(int, fdatasync, (int file), (file), sync_fault(file))

#define OPEN(name)                                                                                                     \
  int name(const char *path, int flags, ...) {                                                                         \
    static int (*next)(const char *, int, ...);                                                                        \
    if (next == NULL) next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);                                 \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
      va_list more;                                                                                                    \
      va_start(more, flags);                                                                                           \
      mode = va_arg(more, mode_t);                                                                                     \
      va_end(more);                                                                                                    \
    }                                                                                                                  \
    int error = open_fault(path);                                                                                      \
    if (error != 0) {                                                                                                  \
      errno = error;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return next(path, flags, mode);                                                                                    \
  }

OPEN(open)
OPEN(open64)
