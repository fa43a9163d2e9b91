/*
 * lib/base/conf_table.c - every setting of every program, in the order of conf/guahao.conf
 */
#include "base/conf_table.h"

#define STR(name_, def_, max_, help_)                                                                        \
    {                                                                                                        \
        .name = name_, .type = GH_SET_STR, .def = def_, .max = max_, .help = help_                           \
    }
#define INT(name_, def_, min_, max_, unit_, help_)                                                           \
    {                                                                                                        \
        .name = name_, .type = GH_SET_INT, .def = def_, .min = min_, .max = max_, .unit = unit_,             \
        .help = help_                                                                                        \
    }
#define WORD(name_, words_, def_, help_)                                                                     \
    {                                                                                                        \
        .name = name_, .type = GH_SET_WORD, .def = def_, .words = words_, .help = help_                      \
    }
#define ENDPOINTS(name_, def_, help_)                                                                        \
    {                                                                                                        \
        .name = name_, .type = GH_SET_ENDPOINTS, .def = def_, .max = 4096, .help = help_                     \
    }

#define SECRET(name_, help_)                                                                                 \
    {                                                                                                        \
        .name = name_, .type = GH_SET_STR, .def = "", .max = 4096, .secret = true, .help = help_             \
    }
#define BOOL(name_, def_, help_)                                                                             \
    {                                                                                                        \
        .name = name_, .type = GH_SET_BOOL, .def = def_, .help = help_                                       \
    }

/* Settings that the database may have, and that running programs follow. */
#define LIVE(key_) .live = true, .key = key_
#define LIVE_INT(name_, key_, def_, min_, max_, unit_, help_)                                                \
    {                                                                                                        \
        .name = name_, .type = GH_SET_INT, .def = def_, .min = min_, .max = max_, .unit = unit_,             \
        .help = help_, LIVE(key_)                                                                            \
    }
#define LIVE_WORD(name_, words_, def_, help_)                                                                \
    {                                                                                                        \
        .name = name_, .type = GH_SET_WORD, .def = def_, .words = words_, .help = help_, LIVE(NULL)          \
    }
#define LIVE_BOOL(name_, def_, help_)                                                                        \
    {                                                                                                        \
        .name = name_, .type = GH_SET_BOOL, .def = def_, .help = help_, LIVE(NULL)                           \
    }
#define LIVE_STR(name_, def_, max_, help_)                                                                   \
    {                                                                                                        \
        .name = name_, .type = GH_SET_STR, .def = def_, .max = max_, .help = help_, LIVE(NULL)               \
    }
/* A subscription message of WeChat: the template's id, and its members as JSON. */
#define WECHAT_TEMPLATE(purpose_, when_)                                                                     \
    LIVE_STR("wechat.template_" purpose_, "", 128,                                                           \
             "Template of the WeChat message when " when_ "; empty: none is sent."),                         \
        LIVE_STR("wechat.data_" purpose_, "", 1000,                                                          \
                 "Its members as JSON, with {name}, {doctor}, {day}, {section}, {start}, {no}, {amount}, "   \
                 "{reason} within strings; empty: name1, thing2 (the doctor), date3, character_string4 "     \
                 "(the number).")
#define LIVE_LIST(name_, key_, type_, def_, help_)                                                           \
    {                                                                                                        \
        .name = name_, .type = type_, .def = def_, .max = 4000, .help = help_, LIVE(key_)                    \
    }

#define MINUTES_A_DAY 1440

/* A policy of rate limits: quota and window. */
#define RATE(policy_, quota_, window_, what_)                                                                \
    LIVE_INT("ratelimit." policy_ ".quota", NULL, quota_, 1, 1000000000, "requests",                         \
             "Requests a window " what_ "."),                                                                \
        LIVE_INT("ratelimit." policy_ ".window", NULL, window_, 1, 86400, "s",                               \
                 "Time in which the quota comes back.")

const gh_setting_t gh_settings[] = {
    {.name = "hospital.timezone",
     .type = GH_SET_STR,
     .def = "Asia/Shanghai",
     .min = 1,
     .max = 63,
     .help = "IANA time zone of the hospital: visit days and clock times are in it, whatever the machine's "
             "zone."},
    {.name = "hospital.name",
     .type = GH_SET_STR,
     .def = "Guahao",
     .min = 1,
     .max = 200,
     .also = {"PROJECT_NAME", "APP_NAME"},
     .help = "Name shown in documents and by system information."},
    {.name = "hospital.currency",
     .key = "billing.currency",
     .type = GH_SET_STR,
     .def = "CNY",
     .min = 3,
     .max = 3,
     .help = "ISO 4217 code of the currency of all amounts."},

    WORD("system.mode", "development|production", "development",
         "Production refuses weak secrets, demo data and shifted clocks."),

    {.name = "clock.shift_ms",
     LIVE(NULL),
     .command = true,
     .type = GH_SET_INT,
     .def = "0",
     .min = -GH_CLOCK_MS_MAX,
     .max = GH_CLOCK_MS_MAX,
     .unit = "ms",
     .help = "How far the hospital's clock is ahead of the machine's, for tests; `guahao clock` changes it, "
             "production refuses it."},

    LIVE_WORD("log.level", "debug|info|warn|error", "info", "Least level of log lines that are written."),
    LIVE_LIST(
        "log.levels", NULL, GH_SET_LEVELS, "",
        "Least levels of components that have one of their own, worker=debug,db=warn,front.access=error: "
        "programs front, broker, worker; parts access, job, db, link, send, kore."),
    {.name = "log.override",
     LIVE(NULL),
     .command = true,
     .type = GH_SET_STR,
     .def = "",
     .max = 2000,
     .help =
         "Least levels that operators have set for now, stronger than the two above; `guahao log-level` and "
         "/api/v1/system/log-level change it."},
    WORD("log.format", "logfmt|json", "logfmt", "Form of log lines."),
    STR("log.dir", "", 3000,
        "Directory of the log files, requests apart from all else; empty: everything goes to stderr."),
    STR("log.name", "", 200,
        "Name of the files of this process in it; empty: front, broker, worker and its pools."),
    LIVE_INT(
        "log.slow_ms", NULL, "1000", 0, 3600000, "ms",
        "A job that took this long has a line of its own, with what it asked of the database; 0: none has."),
    LIVE_INT("log.max_bytes", NULL, "104857600", 4096, INT64_C(1) << 40, "bytes",
             "A log file of this size is put aside and compressed, as each is when a day begins."),
    LIVE_INT("log.keep", NULL, "14", 1, 1000, "files", "Old files that are kept, of each log file."),

    BOOL("accesslog.rows", "true",
         "Record each request as a row of user_access_log; visits are counted by them."),
    LIVE_INT("accesslog.keep_days", NULL, "180", 1, 36500, "days",
             "How long those rows are kept; they go by the month."),

    {.name = "stats.compare_days",
     LIVE(NULL),
     .type = GH_SET_INT,
     .def = "3",
     .min = 1,
     .max = 3650,
     .unit = "days",
     .also = {"COMPARE_DAYS"},
     .help = "What the growth of visits is measured against, unless the caller says."},

    {.name = "run.dir",
     .type = GH_SET_STR,
     .def = "${var}/run",
     .min = 1,
     .max = 4000,
     .help = "Directory of sockets and pid files; keep its path short, socket paths hold 107 bytes."},

    {.name = "database.url",
     .type = GH_SET_DSN,
     .def = "",
     .max = 4096,
     .also = {"DATABASE_URL", "TEST_DATABASE_URL"},
     .secret = true,
     .help =
         "PostgreSQL connection string (URL or key=value); empty: the private cluster in the run directory."},
    INT("database.statement_timeout_ms", "4000", 100, 600000, "ms",
        "PostgreSQL ends a statement that takes longer."),
    INT("database.lock_timeout_ms", "3000", 50, 600000, "ms",
        "PostgreSQL gives up a wait for a lock after this."),
    INT("database.idle_tx_timeout_ms", "2000", 100, 600000, "ms",
        "PostgreSQL ends a session that leaves a transaction open this long, so that a frozen worker frees "
        "its locks."),

    ENDPOINTS("broker.inner", "ipc://${run}/inner.sock",
              "Where trusted peers connect: fronts, workers, jobs pool, operations; the broker binds all of "
              "the list."),
    ENDPOINTS("broker.public", "ipc://${run}/public.sock",
              "Where plain Majordomo clients and workers connect; their actor is dropped. Empty: no such "
              "endpoint."),
    ENDPOINTS("broker.events_in", "ipc://${run}/events-in.sock", "Where publishers of events connect."),
    ENDPOINTS("broker.events_out", "ipc://${run}/events-out.sock", "Where subscribers to events connect."),
    LIVE_INT("broker.max_depth", NULL, "10000", 1, 10000000, "jobs",
             "Jobs that may wait for one service; more are refused at once."),
    INT("broker.heartbeat_ms", "1000", 50, 60000, "ms", "Time between heartbeats of broker and workers."),
    INT("broker.liveness", "3", 2, 20, "heartbeats", "Silence after which a peer counts as gone."),
    LIVE_INT("broker.max_attempts", NULL, "3", 1, 20, "",
             "Workers a job may take down before it is set aside as a dead letter."),
    LIVE_INT("broker.opaque_ttl_ms", NULL, "30000", 100, 3600000, "ms",
             "Deadline of plain Majordomo requests, which carry none."),
    LIVE_INT(
        "broker.no_worker_grace_ms", NULL, "3000", 0, 600000, "ms",
        "Jobs for a service without workers wait this long after its last worker left, then are refused at "
        "once."),
    LIVE_INT("broker.max_bytes", NULL, "268435456", 1048576, INT64_C(1) << 40, "bytes",
             "Memory for all jobs that the broker holds; above it jobs are refused at once."),
    INT("broker.stop_ms", "5000", 0, 600000, "ms",
        "Time that jobs in hand have to finish when the broker is told to stop."),
    STR("broker.curve_dir", "", 4000,
        "Directory of CURVE certificates; needed for tcp endpoints beyond loopback."),
    ENDPOINTS("broker.second_inner", "",
              "Like inner, tcp with the key server2.key: bound while that is there (guahao curve rotate)."),
    ENDPOINTS("broker.second_public", "", "Like public, with the second key."),
    ENDPOINTS("broker.second_events_in", "", "Like events_in, with the second key."),
    ENDPOINTS("broker.second_events_out", "", "Like events_out, with the second key."),

    ENDPOINTS("link.inner", "${broker.inner}", "Inner endpoints that peers connect to, one entry a broker."),
    ENDPOINTS("link.public", "${broker.public}",
              "Public endpoints that plain clients connect to, one entry a broker."),
    ENDPOINTS("link.events_in", "${broker.events_in}",
              "Event endpoints that publishers connect to, one entry a broker."),
    ENDPOINTS("link.events_out", "${broker.events_out}",
              "Event endpoints that subscribers connect to, one entry a broker."),
    STR("link.brokers", "${var}/brokers", 4000,
        "File that lists the brokers instead of the settings before, when it is there; followed while "
        "programs run."),
    STR("link.cert", "", 4000,
        "Our own CURVE certificate (zcert file beside its _secret file), for tcp endpoints of brokers."),
    STR("link.server_cert", "", 4000,
        "Public CURVE certificate of the brokers, or one each in the order of the endpoints."),

    {.name = "front.host",
     .type = GH_SET_STR,
     .def = "127.0.0.1",
     .min = 1,
     .max = 255,
     .help = "Address that the HTTP front listens on."},
    {.name = "front.port",
     .type = GH_SET_INT,
     .def = "8080",
     .min = 1,
     .max = 65535,
     .also = {"GUAHAO_HTTP_PORT"},
     .help = "TCP port of the HTTP front."},
    INT("front.workers", "2", 1, 64, "processes", "Kore workers of the front."),
    INT("front.max_connections", "4096", 16, 1000000, "connections",
        "Connections that one front worker holds open."),
    INT("front.body_max", "1048576", 1024, 67108864, "bytes", "Largest request body."),
    INT("front.file_memory", "134217728", 1048576, INT64_C(1) << 36, "bytes",
        "Memory for files on their way in and out, of one process; above it they are refused at once."),
    LIVE_INT("front.timeout_ms", NULL, "5000", 100, 120000, "ms",
             "Budget of a request unless its operation names its own."),
    LIVE_INT("front.wait_max_s", NULL, "30", 0, 600, "s",
             "The longest a call with Prefer: wait=n is waited for."),
    LIVE_INT(
        "front.crowd_window", NULL, "24", 0, 100000, "jobs",
        "Jobs of one operation that one process has under way while others are asked for too; 0: no limit."),
    LIVE_INT("front.streams", NULL, "500", 0, 100000, "streams",
             "Streams of events that one process serves at a time; above it they are refused."),
    LIVE_INT("front.stream_beat_ms", NULL, "15000", 100, 600000, "ms",
             "A silent stream of events gets a comment so often, so that nobody in between closes it."),
    STR("front.contract_extra", "", 4000, "One more folder of contract files (benches and tests)."),
    LIVE_LIST(
        "front.cors_origins", "cors.origins", GH_SET_ORIGINS, "http://localhost:3000,http://localhost:5000",
        "Origins that browsers may call from, comma list; in production say your own or leave it empty."),
    LIVE_INT("front.drain_ms", NULL, "8000", 0, 600000, "ms",
             "Time the front takes to answer what is parked when it stops."),
    LIVE_INT("front.gzip_level", NULL, "1", 0, 9, "",
             "Effort for compressing bodies over 1 KiB: 1 is quick, 9 small, 0 sends them as they are."),
    LIVE_WORD("front.access_log", "off|debug|info", "info",
              "Level of the log line of each request; written when log.level lets it pass."),
    LIVE_BOOL("docs.enabled", "true", "Serve the OpenAPI document and the pages /docs and /redoc."),
    LIVE_LIST("metrics.allow", NULL, GH_SET_NETWORKS, "127.0.0.0/8,::1/128",
              "Networks that may read /metrics without a token, comma list."),

    {.name = "proxy.trusted",
     .type = GH_SET_NETWORKS,
     .def = "",
     .max = 4000,
     .help = "Networks of proxies whose X-Forwarded-For is believed, comma list; empty: nobody's."},

    BOOL("https.redirect", "false",
         "Answer requests without TLS by 308 to https; the proxy says X-Forwarded-Proto (proxy.trusted)."),
    INT("https.port", "443", 1, 65535, "", "TLS port that such answers name."),
    BOOL("https.hsts", "true", "Tell clients that come by TLS to stay with it (Strict-Transport-Security)."),

    LIVE_BOOL("ratelimit.enabled", "true", "Limit the rate of requests (429)."),
    LIVE_LIST(
        "ratelimit.exempt", NULL, GH_SET_NETWORKS, "127.0.0.0/8,::1/128",
        "Networks whose requests are not limited, comma list: the hospital's own address. The default suits "
        "development; behind a proxy on this host set proxy.trusted, or all of its clients are exempt."),
    RATE("anon", "120", "60", "of an address without a token"),
    RATE("user", "600", "60", "of a signed-in user"),
    RATE("login", "30", "60", "of an address that signs in"),
    RATE("register", "30", "3600", "of an address that registers accounts"),
    RATE("reset", "20", "3600", "of an address that resets passwords"),
    RATE("upload", "60", "60", "of a user who uploads files"),
    RATE("diagnosis", "30", "60", "of a user who asks for image diagnosis"),
    RATE("callback", "600", "60", "of a payment provider that calls back"),
    RATE("file", "6000", "60",
         "of a user, or of an address without a token, that reads photos and other files"),
    RATE("reset_account", "5", "3600", "for a password reset of one account"),

    INT("worker.lanes", "2", 1, 16, "connections", "Database connections of one pool in one worker process."),
    INT("worker.credit", "256", 1, 4096, "jobs",
        "Jobs a worker asks the broker for at a time; the largest batch."),
    LIVE_WORD("worker.job_log", "off|debug|info", "info",
              "Level of the log line of each job; written when log.level and log.levels let it pass."),
    LIVE_INT("worker.job_lines", NULL, "1000", 0, 1000000, "lines",
             "Lines a second of jobs that went well, in one process; what more there is, is counted. "
             "Refused, failed "
             "and slow ones always have theirs."),
    INT("worker.heartbeat_ms", "1000", 50, 60000, "ms", "Time between heartbeats of a worker."),

    {.name = "token.secret",
     .type = GH_SET_STR,
     .def = "",
     .max = 4096,
     .secret = true,
     .also = {"JWT_SECRET_KEY", "SECRET_KEY"},
     .help = "Secret that signs access tokens (HS*); empty: token.secret_file."},
    STR("token.secret_file", "${var}/keys/jwt.key", 4000,
        "File of the access token key, mode 0600 (PEM for RS256 and ES256)."),
    {.name = "token.refresh_secret",
     .type = GH_SET_STR,
     .def = "",
     .max = 4096,
     .secret = true,
     .also = {"JWT_REFRESH_SECRET"},
     .help = "Secret that signs refresh tokens; empty: token.refresh_secret_file."},
    STR("token.refresh_secret_file", "${var}/keys/refresh.key", 4000,
        "File of the refresh token key, mode 0600."),
    SECRET("token.previous_secret", "Access token key before the present one, still accepted; empty: "
                                    "token.previous_secret_file."),
    STR("token.previous_secret_file", "${token.secret_file}.previous", 4000,
        "File of the access token key before the present one; `guahao keys rotate` writes it."),
    WORD("token.previous_algorithm", "same|HS256|HS384|HS512|RS256|ES256", "same",
         "Algorithm of the access token key before the present one; same: token.algorithm."),
    SECRET("token.previous_refresh_secret",
           "Refresh token key before the present one, still accepted; empty: "
           "token.previous_refresh_secret_file."),
    STR("token.previous_refresh_secret_file", "${token.refresh_secret_file}.previous", 4000,
        "File of the refresh token key before the present one."),
    {.name = "token.algorithm",
     .type = GH_SET_WORD,
     .def = "HS256",
     .words = "HS256|HS384|HS512|RS256|ES256",
     .also = {"ALGORITHM"},
     .help = "The one algorithm that tokens are signed with and accepted in."},
    {.name = "token.issuer",
     .type = GH_SET_STR,
     .def = "guahao",
     .min = 1,
     .max = 200,
     .help = "Claim iss of tokens."},
    INT("token.leeway_s", "5", 0, 60, "s", "Difference of clocks that is forgiven in exp, nbf and iat."),
    {.name = "token.access_minutes",
     LIVE("auth.access_ttl_min"),
     .type = GH_SET_INT,
     .def = "30",
     .min = 1,
     .max = MINUTES_A_DAY,
     .unit = "minutes",
     .also = {"ACCESS_TOKEN_EXPIRE_MINUTES"},
     .help = "Life of access tokens of /api and /auth/token."},
    {.name = "token.refresh_days",
     LIVE("auth.refresh_ttl_days"),
     .type = GH_SET_INT,
     .def = "7",
     .min = 1,
     .max = 365,
     .unit = "days",
     .also = {"REFRESH_TOKEN_EXPIRE_DAYS"},
     .help = "Life of refresh tokens."},
    {.name = "token.classic_minutes",
     LIVE(NULL),
     .type = GH_SET_INT,
     .def = "1440",
     .min = 1,
     .max = 31 * MINUTES_A_DAY,
     .unit = "minutes",
     .also = {"TOKEN_EXPIRE_TIME"},
     .help = "Life of the tokens of the code surface's logins."},

    LIVE_INT("password.cost", "auth.bcrypt_cost", "12", 10, 15, "",
             "bcrypt cost of new password hashes; each step doubles the work."),
    LIVE_INT("password.min_length", "auth.password.min_length", "8", 8, 64, "bytes",
             "Bytes that a password must have when it is set."),
    LIVE_INT("password.min_classes", "auth.password.min_classes", "3", 1, 4, "kinds",
             "Kinds of characters that it must have, of lower case, upper case, digits, others."),
    LIVE_INT("password.history", "auth.password.history", "5", 1, 10, "passwords",
             "Latest passwords of an account, with the present one, that may not be set again."),
    INT("password.threads", "2", 1, 16, "threads", "Threads of an identity worker that hash passwords."),

    LIVE_INT("login.max_failures", "auth.lockout.failures", "5", 1, 100, "",
             "Failed sign-ins within the window that lock an account."),
    LIVE_INT("login.window_minutes", "auth.lockout.window_min", "15", 1, MINUTES_A_DAY, "minutes",
             "Window in which failed sign-ins are counted."),
    LIVE_INT("login.lock_minutes", "auth.lockout.base_min", "15", 1, MINUTES_A_DAY, "minutes",
             "How long a locked account stays locked."),

    LIVE_INT("patient.max_relatives", NULL, "6", 0, 1000, "",
             "People an account may book for on the patient routes, itself included; 0 means no limit."),

    WORD(
        "campus.directory", "off|http|file", "off",
        "Who verifies campus numbers: http asks campus.url; file looks into campus.file, not in production."),
    STR("campus.url", "", 1000,
        "Where number and password are posted as JSON; a 200 answers with userId, userName, roleCode, "
        "roleName, a 401 "
        "refuses. http only in development."),
    STR("campus.ca_file", "", 4000,
        "Certificates that the directory's is checked against; empty: the system's."),
    INT("campus.timeout_s", "5", 1, 30, "s", "Time that the campus directory has for its answer."),
    STR("campus.file", "", 4000, "JSON list of persons with their passwords, for development."),

    LIVE_INT("payment.pending_min", NULL, "30", 1, MINUTES_A_DAY, "minutes",
             "Time that a payment online has until it expires."),
    LIVE_STR("payment.default_provider", "sandbox", 32, "Provider of payments online that name none."),
    LIVE_STR("payment.return_origins", "http://localhost:3000", 4000,
             "Origins that a provider may send payers back to, a comma list."),
    BOOL("payment.sandbox", "true", "A provider that only plays, for development: never in production."),
    LIVE_STR("payment.sandbox_page", "http://${front.host}:${front.port}/sandbox/pay", 1000,
             "Where pages of the sandbox begin, for the addresses in payments."),
    SECRET("payment.sandbox_secret",
           "Secret that signs pages and events of the sandbox; empty: payment.sandbox_secret_file."),
    STR("payment.sandbox_secret_file", "${var}/keys/sandbox.key", 4000,
        "File of that secret, mode 0600, made when it is not there."),
    SECRET("payment.sandbox_previous_secret",
           "The secret before the present one, still accepted; empty: none."),

    LIVE_INT("reset.ttl_min", NULL, "30", 1, MINUTES_A_DAY, "minutes",
             "Life of the token that lets set a forgotten password."),
    LIVE_BOOL("reset.expose_token", "false",
              "Answer with the token as well as mailing it: for development, not in production."),
    LIVE_STR("reset.page", "http://localhost:3000/reset-password", 1000,
             "Page that asks for the new password, for the link in the mail; the token is added as ?token=."),

    STR("order.number_key_file", "${var}/keys/order.key", 4000,
        "Key of the permutation behind order numbers, mode 0600."),
    STR("data.key_file", "${var}/keys/data.key", 4000, "Key of encrypted columns, mode 0600."),

    WORD("message.mail", "development|smtp|none", "development",
         "Who sends mails: development appends them to a file, not in production; none leaves them unsent."),
    WORD("message.sms", "development|webhook|none", "development",
         "Who sends short messages: development appends them to a file, not in production; webhook posts "
         "them to "
         "sms.url; none refuses codes."),
    WORD("message.wechat", "dry_run|api|none", "dry_run",
         "Who sends WeChat messages: dry_run logs them without sending; api is wechat.url; none leaves them "
         "unsent. Codes of the mini program are exchanged there too; dry_run makes ids up, not in "
         "production."),
    STR("message.mailbox_dir", "${var}/mail", 4000,
        "Directory of messages.jsonl, the file of the development senders."),
    LIVE_STR("message.link_base", "http://${front.host}:${front.port}", 1000,
             "Address of this service as people reach it, for links in mails; without a slash at the end."),
    INT("message.attempts", "8", 1, 50, "", "Deliveries that are tried before a message is given up."),

    {.name = "code.ttl_s",
     LIVE(NULL),
     .type = GH_SET_INT,
     .def = "300",
     .min = 30,
     .max = 3600,
     .unit = "s",
     .also = {"SMS_CODE_TTL_SECONDS"},
     .help = "How long a code sent by mail or short message is good."},
    {.name = "code.resend_s",
     LIVE(NULL),
     .type = GH_SET_INT,
     .def = "60",
     .min = 1,
     .max = 3600,
     .unit = "s",
     .also = {"SMS_RATE_LIMIT_SECONDS"},
     .help = "Pause before the next code to the same phone number or address."},
    {.name = "code.window_s",
     LIVE(NULL),
     .type = GH_SET_INT,
     .def = "900",
     .min = 60,
     .max = 86400,
     .unit = "s",
     .also = {"SMS_VERIFIED_WINDOW_SECONDS"},
     .help = "Time to register in after a phone number was verified."},

    STR("smtp.url", "smtp://127.0.0.1:25", 1000,
        "Mail server: smtp://HOST:PORT, or smtps:// for TLS at once."),
    {.name = "smtp.user",
     .type = GH_SET_STR,
     .def = "",
     .max = 255,
     .also = {"SMTP_USER"},
     .help = "Name to sign in with at the mail server; empty: not at all."},
    {.name = "smtp.password",
     .type = GH_SET_STR,
     .def = "",
     .max = 1000,
     .secret = true,
     .also = {"SMTP_PASSWORD"},
     .help = "Password at the mail server."},
    {.name = "smtp.from",
     .type = GH_SET_STR,
     .def = "no-reply@guahao.invalid",
     .min = 3,
     .max = 254,
     .also = {"EMAIL_FROM", "SMTP_FROM"},
     .help = "Address that mails come from."},
    WORD("smtp.starttls", "required|optional|none", "required",
         "Encryption of smtp:// connections by STARTTLS (RFC 3207)."),
    INT("smtp.timeout_s", "20", 1, 300, "s", "Time that the delivery of one mail may take."),
    STR("smtp.ca_file", "", 4000,
        "Certificates (PEM) that the mail server's is checked against; empty: the system's."),

    STR("sms.url", "", 1000,
        "Where the webhook posts each short message as JSON; http only in development. Empty: no short "
        "messages."),
    STR("sms.token_file", "", 4000, "File whose first line is sent as bearer token; empty: none is."),
    STR("sms.template", "", 2000,
        "Body with {phone} and {text} within JSON strings; empty: an object of members phone and text."),
    STR("sms.ca_file", "", 4000,
        "Certificates (PEM) that the provider's is checked against; empty: the system's."),
    INT("sms.timeout_s", "10", 1, 300, "s", "Time that the delivery of one short message may take."),

    STR("wechat.url", "https://api.weixin.qq.com", 1000,
        "Where the WeChat platform is; http only in development."),
    STR("wechat.app_id", "", 128, "Id of the mini program; empty: no messages leave."),
    STR("wechat.secret_file", "", 4000,
        "File whose first line is the secret of the mini program, mode 0600."),
    STR("wechat.ca_file", "", 4000,
        "Certificates (PEM) that the platform's is checked against; empty: the system's."),
    INT("wechat.timeout_s", "5", 1, 60, "s", "Time that one request to the platform may take."),
    WECHAT_TEMPLATE("paid", "an appointment is paid"),
    WECHAT_TEMPLATE("waitlist", "a place is given to who waits"),
    WECHAT_TEMPLATE("reminder", "a visit is near"),
    WECHAT_TEMPLATE("reschedule", "an appointment is moved"),
    WECHAT_TEMPLATE("cancel", "an appointment is cancelled"),

    INT("audit.close_at_once", "5000", 0, 100000, "orders",
        "Orders that approved leave closes in the approval's own transaction; more are a durable job."),

    INT("jobs.parallel", "8", 1, 256, "jobs", "Durable jobs that one dispatcher has under way at a time."),
    INT("jobs.titanic_max", "10000", 0, 10000000, "requests",
        "Durable requests of Majordomo clients (titanic.request) that are kept at a time; 0: they are not "
        "served."),
    INT("jobs.titanic_parallel", "8", 1, 64, "requests", "Of these, carried out by one process at a time."),
    INT("jobs.titanic_keep_s", "86400", 1, 31536000, "s",
        "They go when they are so old, and their answers so long after they came."),
    INT("jobs.lease_ms", "15000", 1000, 600000, "ms",
        "How long a durable job is a dispatcher's that is not heard of; then another one goes on with it."),

    STR("backup.dir", "${var}/backups", 4000,
        "Where backups put archives and their manifests; of several hosts with the pool system, a directory "
        "that all of them have."),
    LIVE_INT("backup.keep", NULL, "0", 0, 100000, "backups",
             "How many backups of backup.dir are kept when one is made; 0 keeps all."),
    SECRET(
        "backup.key",
        "Key of encrypted archives, at least 16 characters; better in the environment than here. With it the "
        "pool system encrypts all it makes."),
};
const size_t gh_settings_count = GH_COUNT(gh_settings);

const gh_setting_t *
gh_setting_by_key(gh_str_t key)
{
    for (size_t i = 0; i < gh_settings_count; i++)
        if (gh_str_is(key, gh_setting_key(&gh_settings[i])))
            return &gh_settings[i];
    return NULL;
}
