/*
 * Runs a program and makes the file system below a directory one that keeps no more than its word:
 *
 *   tamper MODE DIRECTORY PROGRAM ARGUMENTS...
 *
 * The file MODE says how, in one word, and may change at any time:
 *
 *   short      reads and writes move half of the bytes that were asked for, at least one
 *   read-only  whatever changes a file or a directory fails with EROFS, as after a remount
 *   otherwise  everything passes
 *
 * A preloaded library would miss calls that a runtime makes without libc, so the program and all its threads run under
 * ptrace; a seccomp filter stops them at the calls below. It ends with the program, passes SIGTERM and SIGINT on, and
 * takes the program with it when it is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "not known on this machine"
#endif

#define PATH_BYTES 4096
#define REGISTERS ((void *)1) /* NT_PRSTATUS */
#define SYSTEM_CALL ((void *)0x404) /* NT_ARM_SYSTEM_CALL */

static const int TRACED[] = {
    SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_openat, SYS_ftruncate, SYS_renameat, SYS_renameat2, SYS_unlinkat,
    SYS_mkdirat, SYS_linkat,
#ifdef SYS_open
    SYS_open, SYS_creat, SYS_rename, SYS_unlink, SYS_mkdir, SYS_rmdir, SYS_link,
#endif
};

static const char *mode_file;
static char root[PATH_BYTES];
static volatile sig_atomic_t child;

static void die(const char *what)
{
    perror(what);
    exit(125);
}

static int is_mode(const char *word)
{
    char text[32] = {0};
    int descriptor = open(mode_file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    ssize_t bytes = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    return bytes > 0 && strncmp(text, word, strlen(word)) == 0;
}

static int is_inside(const char *path)
{
    size_t bytes = strlen(root);
    return strncmp(path, root, bytes) == 0 && (path[bytes] == '/' || path[bytes] == 0);
}

static int has_file(pid_t thread, int descriptor)
{
    char name[64], path[PATH_BYTES];
    snprintf(name, sizeof name, "/proc/%d/fd/%d", thread, descriptor);
    ssize_t bytes = readlink(name, path, sizeof path - 1);
    if (bytes < 0) return 0;
    path[bytes] = 0;
    return is_inside(path);
}

/* Whether a call names a path inside; relative ones are taken for ones outside, since the daemon uses none. */
static int names_path(pid_t thread, uint64_t address)
{
    char path[PATH_BYTES];
    for (size_t at = 0; at < sizeof path; at++) {
        struct iovec local = {path + at, 1}, remote = {(void *)(address + at), 1};
        if (process_vm_readv(thread, &local, 1, &remote, 1, 0) != 1) return 0;
        if (path[at] == 0) return is_inside(path);
    }
    return 0;
}

static int changes(uint64_t flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

/* Whether a call would change something below the directory. */
static int is_change(pid_t thread, long number, const uint64_t *a)
{
    switch (number) {
    case SYS_write: case SYS_pwrite64: case SYS_ftruncate: return has_file(thread, (int)a[0]);
    case SYS_openat: return changes(a[2]) && names_path(thread, a[1]);
    case SYS_renameat: case SYS_renameat2: case SYS_linkat: return names_path(thread, a[1]) || names_path(thread, a[3]);
    case SYS_unlinkat: case SYS_mkdirat: return names_path(thread, a[1]);
#ifdef SYS_open
    case SYS_open: return changes(a[1]) && names_path(thread, a[0]);
    case SYS_rename: case SYS_link: return names_path(thread, a[0]) || names_path(thread, a[1]);
    case SYS_creat: case SYS_unlink: case SYS_mkdir: case SYS_rmdir: return names_path(thread, a[0]);
#endif
    default: return 0;
    }
}

static int is_transfer(long number)
{
    return number == SYS_read || number == SYS_write || number == SYS_pread64 || number == SYS_pwrite64;
}

/* Changes a call that is about to begin. */
static void tamper(pid_t thread)
{
    struct user_regs_struct r;
    struct iovec area = {&r, sizeof r};
    if (ptrace(PTRACE_GETREGSET, thread, REGISTERS, &area) != 0) return;
#if defined(__x86_64__)
    uint64_t a[4] = {r.rdi, r.rsi, r.rdx, r.r10};
    long number = (long)r.orig_rax;
#else
    uint64_t a[4] = {r.regs[0], r.regs[1], r.regs[2], r.regs[3]};
    long number = (long)r.regs[8];
#endif
    if (is_transfer(number) && a[2] > 1 && has_file(thread, (int)a[0]) && is_mode("short")) {
#if defined(__x86_64__)
        r.rdx = a[2] / 2;
#else
        r.regs[2] = a[2] / 2;
#endif
    } else if (is_change(thread, number, a) && is_mode("read-only")) {
#if defined(__x86_64__)
        r.orig_rax = (uint64_t)-1;
        r.rax = (uint64_t)-EROFS;
#else
        int none = -1;
        struct iovec call = {&none, sizeof none};
        ptrace(PTRACE_SETREGSET, thread, SYSTEM_CALL, &call);
        r.regs[0] = (uint64_t)-EROFS;
#endif
    } else {
        return;
    }
    if (ptrace(PTRACE_SETREGSET, thread, REGISTERS, &area) != 0) die("registers");
}

static void install_filter(void)
{
    size_t count = sizeof TRACED / sizeof TRACED[0], at = 0;
    struct sock_filter program[8 + sizeof TRACED / sizeof TRACED[0]];
    program[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    program[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL);
    program[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        program[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)TRACED[i], (uint8_t)(count - i),
                                                     0);
    }
    program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog filter = {(unsigned short)at, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) die("seccomp");
}

static void pass_on(int signal_number)
{
    if (child > 0) kill((pid_t)child, signal_number);
}

static void handle_stop(pid_t thread, int status)
{
    int stop = WSTOPSIG(status), event = status >> 16, deliver = 0, request = PTRACE_CONT;
    if (event == PTRACE_EVENT_SECCOMP) {
        tamper(thread);
    } else if (event == PTRACE_EVENT_STOP) {
        if (stop == SIGSTOP || stop == SIGTSTP || stop == SIGTTIN || stop == SIGTTOU) request = PTRACE_LISTEN;
    } else if (event == 0) {
        deliver = stop;
    }
    ptrace(request, thread, NULL, (void *)(long)deliver);
}

int main(int count, char **words)
{
    if (count < 4) {
        fprintf(stderr, "Usage: tamper MODE DIRECTORY PROGRAM ARGUMENTS...\n");
        return 2;
    }
    mode_file = words[1];
    if (realpath(words[2], root) == NULL) die(words[2]);
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0) die("pipe");
    pid_t started = fork();
    if (started < 0) die("fork");
    if (started == 0) {
        char byte;
        if (read(gate[0], &byte, 1) != 1) _exit(125);
        install_filter();
        execv(words[3], words + 3);
        die(words[3]);
    }
    child = started;
    signal(SIGTERM, pass_on);
    signal(SIGINT, pass_on);
    long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                   PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SEIZE, started, NULL, (void *)options) != 0) die("ptrace");
    if (write(gate[1], "g", 1) != 1) die("gate");
    for (;;) {
        int status = 0;
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0) {
            if (errno == EINTR) continue;
            die("wait");
        }
        if (WIFSTOPPED(status)) handle_stop(thread, status);
        else if (thread == started) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}
