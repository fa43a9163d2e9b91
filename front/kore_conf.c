/*
 * front/kore_conf.c - Kore's configuration from our settings, its sandbox, and the hooks it calls
 *
 * Kore is built as a single binary that reads its configuration from `asset_builtin_kore_conf`; ours is written there at
 * start. It runs as whoever started it (no chroot, no change of user: systemd's business), always in the foreground.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <kore/kore.h>
#include <kore/hooks.h>
#include <kore/http.h>
#include <kore/seccomp.h>

#include "base/log.h"
#include "base/timez.h"
#include "front/front.h"
#include "front/kore_conf.h"

u_int8_t asset_builtin_kore_conf[8192];
u_int32_t asset_len_builtin_kore_conf;

void front_log(int priority, const char *who, const char *text);
u_int64_t front_drain(void);

/* ZeroMQ's I/O thread, and what a worker needs besides Kore's own list (design.md, pitfalls 1.4). */
static struct sock_filter s_filter[] = {
    KORE_SYSCALL_ALLOW(clone),
#ifdef SYS_clone3
    KORE_SYSCALL_ALLOW(clone3),
#endif
#ifdef SYS_rseq
    KORE_SYSCALL_ALLOW(rseq),
#endif
    KORE_SYSCALL_ALLOW(set_robust_list),
    KORE_SYSCALL_ALLOW(sched_yield),
    KORE_SYSCALL_ALLOW(sched_getaffinity),
    KORE_SYSCALL_ALLOW(sched_setaffinity),
    KORE_SYSCALL_ALLOW(sched_getparam),
    KORE_SYSCALL_ALLOW(sched_getscheduler),
    KORE_SYSCALL_ALLOW(sched_setscheduler),
    KORE_SYSCALL_ALLOW(gettid),
    KORE_SYSCALL_ALLOW(tgkill),
    KORE_SYSCALL_ALLOW(prctl),
    KORE_SYSCALL_ALLOW(eventfd2),
    KORE_SYSCALL_ALLOW(epoll_create1),
    KORE_SYSCALL_ALLOW(socket),
    KORE_SYSCALL_ALLOW(connect),
    KORE_SYSCALL_ALLOW(bind),
    KORE_SYSCALL_ALLOW(shutdown),
    KORE_SYSCALL_ALLOW(getsockopt),
    KORE_SYSCALL_ALLOW(getsockname),
    KORE_SYSCALL_ALLOW(getpeername),
    KORE_SYSCALL_ALLOW(sendmsg),
    KORE_SYSCALL_ALLOW(recvmsg),
    KORE_SYSCALL_ALLOW(newfstatat),
    KORE_SYSCALL_ALLOW(dup2), /* a log file that was turned over */
    KORE_SYSCALL_ALLOW(dup3),
    KORE_SYSCALL_ALLOW(uname),
    KORE_SYSCALL_ALLOW(sysinfo),
    KORE_SYSCALL_ALLOW(prlimit64),
    KORE_SYSCALL_ALLOW(restart_syscall),
    KORE_SYSCALL_ALLOW(mremap),
    KORE_SYSCALL_ALLOW(mlock), /* keys of CURVE, by libsodium */
    KORE_SYSCALL_ALLOW(munlock),
    KORE_SYSCALL_ALLOW(gettimeofday),
    KORE_SYSCALL_ALLOW(time),
#ifdef FRONT_SANITIZED
    /* What AddressSanitizer and UBSan need at run time and in reports; in that build only. */
    KORE_SYSCALL_ALLOW(pipe2),
    KORE_SYSCALL_ALLOW(pipe),
    KORE_SYSCALL_ALLOW(ioctl),
    KORE_SYSCALL_ALLOW(process_vm_readv),
    KORE_SYSCALL_ALLOW(wait4),
    KORE_SYSCALL_ALLOW(ptrace),
    KORE_SYSCALL_ALLOW(getdents64),
    KORE_SYSCALL_ALLOW(readlinkat),
    KORE_SYSCALL_ALLOW(arch_prctl),
    KORE_SYSCALL_ALLOW(dup),
    KORE_SYSCALL_ALLOW(fork),
    KORE_SYSCALL_ALLOW(vfork),
    KORE_SYSCALL_ALLOW(execve),
    KORE_SYSCALL_ALLOW(getppid),
    KORE_SYSCALL_ALLOW(getgid),
    KORE_SYSCALL_ALLOW(getegid),
    KORE_SYSCALL_ALLOW(getrlimit),
    KORE_SYSCALL_ALLOW(setrlimit),
    KORE_SYSCALL_ALLOW(set_tid_address),
    KORE_SYSCALL_ALLOW(pread64),
    KORE_SYSCALL_ALLOW(personality),
    KORE_SYSCALL_ALLOW(membarrier),
#endif
};

#ifdef FRONT_SANITIZED
const char *__asan_default_options(void);

/* The leak check at exit stops the process with ptrace, which hangs inside the sandbox. */
const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

void
kore_seccomp_hook(void)
{
    kore_seccomp_filter("guahao", s_filter, KORE_FILTER_LEN(s_filter));
}

int
front_kore_write_conf(void)
{
    long long clients = gh_conf_int(front.conf, "front.max_connections");
    /* Brokers' sockets, ZeroMQ's own descriptors, logs; Kore adds what is open already. */
    long long files = clients + 128;
    int n = snprintf((char *)asset_builtin_kore_conf, sizeof asset_builtin_kore_conf,
                     "server guahao {\n"
                     "\tbind %s %lld\n"
                     "\ttls no\n"
                     "}\n"
                     "root %s\n"
                     "pidfile %s/front.pid\n"
                     "workers %lld\n"
                     "worker_max_connections %lld\n"
                     "worker_rlimit_nofiles %lld\n"
                     "worker_accept_threshold 1\n"
                     "worker_set_affinity 0\n"
                     "worker_death_policy restart\n"
                     "socket_backlog 4096\n"
                     "http_header_max 16384\n"
                     "http_header_timeout 10\n"
                     "http_body_timeout 30\n"
                     "http_body_max %lld\n"
                     "http_keepalive_time 60\n"
                     "http_request_ms 50\n"
                     "http_request_limit %lld\n"
                     "http_hsts_enable 0\n"
                     "seccomp_tracing %s\n"
                     "domain * {\n"
                     "\tattach guahao\n"
                     "\troute ^ front_page\n"
                     "}\n",
                     gh_conf_str(front.conf, "front.host"), (long long)gh_conf_int(front.conf, "front.port"),
                     gh_conf_str(front.conf, "run.dir"), gh_conf_str(front.conf, "run.dir"),
                     (long long)gh_conf_int(front.conf, "front.workers"), clients, files,
                     (long long)gh_conf_int(front.conf, "front.body_max"), clients + 64,
                     getenv("GUAHAO_SECCOMP_TRACE") ? "yes" : "no");
    if (n < 0 || (size_t)n >= sizeof asset_builtin_kore_conf)
        return -1;
    asset_len_builtin_kore_conf = (u_int32_t)n;
    return 0;
}

/* ---- hooks */

void
kore_parent_configure(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    kore_foreground = 1;
    skip_chroot = 1;
    skip_runas = 1;
    kore_quiet = !gh_log_enabled(GH_LOG_DEBUG);
}

void
front_log(int priority, const char *who, const char *text)
{
    gh_log_level_t level = priority <= LOG_ERR       ? GH_LOG_ERROR
                           : priority == LOG_WARNING ? GH_LOG_WARN
                           : priority == LOG_NOTICE  ? GH_LOG_INFO
                                                     : GH_LOG_DEBUG;
    if (strncmp(text, "bind(): ", 8) == 0) { /* Kore does not say where */
        gh_log(level, "bind_failed", GH_KS("host", gh_conf_str(front.conf, "front.host")),
               GH_KI("port", gh_conf_int(front.conf, "front.port")), GH_KS("reason", text + 8));
        return;
    }
    gh_log_kv(GH_LOG_KORE, level, "kore", (const gh_kv_t[]){GH_KS("process", who), GH_KS("text", text), {0}});
}

void
kore_worker_configure(void)
{
    front.worker = (size_t)(worker->id - 1);
    front.started_ms = gh_mono_ms();
    front.tokens = front_tokens_new(8192);
    front.revoked = front_revoked_new();
    atomic_store(&front.counters->worker[front.worker].pid, getpid());
    if (!front.tokens || !front.revoked || front_turns_start() || front_link_start()) {
        gh_log(GH_LOG_ERROR, "worker_failed", GH_KI("worker", front.worker));
        atomic_store(&front.counters->failed, true);
        kore_shutdown(); /* all of them share what is wrong */
        return;
    }
    gh_log(GH_LOG_INFO, "worker_started", GH_KI("worker", front.worker), GH_KI("pid", getpid()));
}

/* Asked to stop (front/kore/0005): what is parked still gets its answer. */
u_int64_t
front_drain(void)
{
    front.draining = true;
    gh_log(GH_LOG_INFO, "worker_drains", GH_KI("worker", front.worker), GH_KI("parked", front_link_parked()));
    return front.drain_ms;
}

void
kore_worker_teardown(void)
{
    front_link_stop();
    front_turns_stop();
    front_tokens_destroy(&front.tokens);
    front_revoked_destroy(&front.revoked);
}
