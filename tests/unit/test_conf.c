/*
 * tests/unit/test_conf.c - settings: order of sources, refusals with their place, documentation of every setting
 */
#include "unit.h"

#include <jansson.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/conf_table.h"
#include "capture.h"

static char dir[] = "/tmp/gh.XXXXXX";
static char file[64]; /* a settings file of a test */
static char said[65536];

static void
write_conf(const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static gh_conf_t *
load(const char *text)
{
    write_conf(text);
    capture_t c = capture_begin(STDERR_FILENO);
    gh_conf_t *conf = gh_conf_load(file);
    capture_end(&c, said, sizeof(said));
    return conf;
}

static gh_conf_t *
load_good(const char *text)
{
    gh_conf_t *conf = load(text);
    if (!conf)
        fail_msg("refused: %s", said);
    assert_string_equal(said, "");
    return conf;
}

/* The file is refused, and stderr names its line, the setting and a reason. */
static void
load_bad(const char *text, const char *place, const char *reason)
{
    char expected[256];
    gh_conf_t *conf = load(text);
    assert_null(conf);
    snprintf(expected, sizeof(expected), "guahao: %s%s%s", place[0] == ':' ? file : "", place, reason);
    if (!strstr(said, expected))
        fail_msg("expected '%s' in '%s'", expected, said);
}

static void
defaults_hold_without_a_file(void **state)
{
    (void)state;
    gh_conf_t *conf = load_good("");
    char path[128];
    assert_string_equal(gh_conf_str(conf, "hospital.timezone"), "Asia/Shanghai");
    assert_int_equal(gh_conf_int(conf, "broker.max_depth"), 10000);
    assert_string_equal(gh_conf_str(conf, "database.url"), "");
    snprintf(path, sizeof(path), "ipc://%s/var/run/inner.sock", dir);
    assert_string_equal(gh_conf_str(conf, "broker.inner"), path);
    assert_string_equal(gh_conf_str(conf, "link.inner"), path);
    snprintf(path, sizeof(path), "%s/var/keys/jwt.key", dir);
    assert_string_equal(gh_conf_str(conf, "token.secret_file"), path);
    gh_conf_destroy(&conf);
    assert_null(conf);
    gh_conf_destroy(&conf);
}

static void
file_over_default_and_environment_over_file(void **state)
{
    (void)state;
    static const char text[] =
        "broker\n    max_depth = 7 # few\n    heartbeat_ms = 250\nhospital\n"
        "    name = \"A = B # C\"\nlink\n    inner = tcp://10.0.0.1:5555,tcp://10.0.0.2:5555\n";
    gh_conf_t *conf = load_good(text);
    assert_int_equal(gh_conf_int(conf, "broker.max_depth"), 7);
    assert_int_equal(gh_conf_int(conf, "broker.heartbeat_ms"), 250);
    assert_string_equal(gh_conf_str(conf, "hospital.name"), "A = B # C");
    assert_string_equal(gh_conf_str(conf, "link.inner"), "tcp://10.0.0.1:5555,tcp://10.0.0.2:5555");
    gh_conf_destroy(&conf);
    setenv("GUAHAO_BROKER_MAX_DEPTH", "9", 1);
    conf = load_good(text);
    unsetenv("GUAHAO_BROKER_MAX_DEPTH");
    assert_int_equal(gh_conf_int(conf, "broker.max_depth"), 9);
    assert_int_equal(gh_conf_int(conf, "broker.heartbeat_ms"), 250);
    gh_conf_destroy(&conf);
}

static void
names_of_the_older_systems_work(void **state)
{
    (void)state;
    setenv("DATABASE_URL", "postgresql+asyncpg://u:p@h:5432/db?sslmode=require", 1);
    setenv("SECRET_KEY", "weaker", 1);
    setenv("GUAHAO_HTTP_PORT", "18080", 1);
    setenv("ACCESS_TOKEN_EXPIRE_MINUTES", "15", 1);
    setenv("REFRESH_TOKEN_EXPIRE_DAYS", "", 1); /* empty: not set */
    gh_conf_t *conf = load_good("token\n    access_minutes = 20\n");
    assert_string_equal(gh_conf_str(conf, "database.url"), "postgresql://u:p@h:5432/db?sslmode=require");
    assert_string_equal(gh_conf_str(conf, "token.secret"), "weaker");
    assert_int_equal(gh_conf_int(conf, "front.port"), 18080);
    assert_int_equal(gh_conf_int(conf, "token.access_minutes"), 15);
    assert_int_equal(gh_conf_int(conf, "token.refresh_days"), 7);
    gh_conf_destroy(&conf);
    setenv("JWT_SECRET_KEY", "stronger", 1);
    setenv("GUAHAO_FRONT_PORT", "18081", 1);
    conf = load_good("");
    assert_string_equal(gh_conf_str(conf, "token.secret"), "stronger");
    assert_int_equal(gh_conf_int(conf, "front.port"), 18081);
    gh_conf_destroy(&conf);
    static const char *const names[] = {"DATABASE_URL",
                                        "SECRET_KEY",
                                        "JWT_SECRET_KEY",
                                        "GUAHAO_HTTP_PORT",
                                        "GUAHAO_FRONT_PORT",
                                        "ACCESS_TOKEN_EXPIRE_MINUTES",
                                        "REFRESH_TOKEN_EXPIRE_DAYS"};
    for (size_t i = 0; i < GH_COUNT(names); i++)
        unsetenv(names[i]);
}

static void
connection_strings_are_normalised_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"postgres://h/db", "postgresql://h/db"},
        {"postgresql+psycopg2:///db?host=/tmp/x", "postgresql:///db?host=/tmp/x"},
        {"host=/run/pg dbname=guahao options='-c a=b'", "host=/run/pg dbname=guahao options='-c a=b'"},
        {"mysql://h/db", NULL},
        {"sqlite+aiosqlite:///x.db", NULL},
        {"guahao", NULL},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        setenv("DATABASE_URL", cases[i].in, 1);
        gh_conf_t *conf = load("");
        assert_int_equal(conf != NULL, cases[i].out != NULL);
        if (conf)
            assert_string_equal(gh_conf_str(conf, "database.url"), cases[i].out);
        else
            assert_non_null(strstr(said, "guahao: DATABASE_URL: database.url: "));
        gh_conf_destroy(&conf);
    }
    unsetenv("DATABASE_URL");
}

static void
bad_values_are_refused_with_file_and_line(void **state)
{
    (void)state;
    load_bad("log\n    level = info\nbroker\n    max_depth = 0\n",
             ":4: ", "broker.max_depth: 0 lies outside 1..10000000");
    load_bad("broker\n    max_depth = many\n", ":2: ", "broker.max_depth: not a whole number");
    load_bad("broker\n    max_depth = 99999999999999999999\n",
             ":2: ", "broker.max_depth: not a whole number");
    load_bad("log\n    level = loud\n", ":2: ", "log.level: must be one of debug|info|warn|error");
    load_bad("hospital\n    currency = RENMINBI\n", ":2: ", "hospital.currency: its length 8");
    load_bad("broker\n    inner = http://x\n", ":2: ", "broker.inner: an endpoint begins with");
    load_bad("hospital\n    name = ${nothing}\n", ":2: ", "hospital.name: cannot be expanded");
    load_bad("hospital\n    name = ${hospital.name}\n", ":2: ", "hospital.name: cannot be expanded");
    load_bad("hospital\n    name = ${token.secret}\n", ":2: ", "hospital.name: cannot be expanded");
    setenv("GUAHAO_BROKER_LIVENESS", "1", 1);
    load_bad("", "GUAHAO_BROKER_LIVENESS: ", "broker.liveness: 1 lies outside 2..20");
    unsetenv("GUAHAO_BROKER_LIVENESS");
}

static void
unknown_names_are_refused_with_file_and_line(void **state)
{
    (void)state;
    load_bad("broker\n    max_dept = 5\n", ":2: ", "broker.max_dept: there is no such setting");
    load_bad("# a comment\n\nbrokers\n    max_depth = 5\n",
             ":4: ", "brokers.max_depth: there is no such setting");
    load_bad("nothing\n", ":1: ", "nothing: there is no such setting");
    load_bad("broker\n    max_depth = 5\nlog\n    level = info\nbroker\n    max_depth = 6\n",
             ":6: ", "broker.max_depth: given a second time");
    load_bad("broker\n    max_depth = 5\n        deep = 6\n",
             ":3: ", "broker.max_depth.deep: there is no such");
    /* every fault is told, not only the first */
    load_bad("a\n    b = 1\nc\n    d = 2\n", ":2: ", "a.b: there is no such setting");
    assert_non_null(strstr(said, ":4: c.d: there is no such setting"));
}

static void
unreadable_files_are_refused(void **state)
{
    (void)state;
    capture_t c = capture_begin(STDERR_FILENO);
    gh_conf_t *conf = gh_conf_load("/nonexistent/guahao.conf");
    capture_end(&c, said, sizeof(said));
    assert_null(conf);
    assert_non_null(strstr(said, "/nonexistent/guahao.conf: cannot be read: No such file"));
    capture_t o = capture_begin(STDOUT_FILENO); /* zconfig writes there */
    conf = load("broker\n  max_depth = 5\n     x\n");
    char ignored[256];
    capture_end(&o, ignored, sizeof(ignored));
    assert_null(conf);
    assert_non_null(strstr(said, "is not ZPL"));
}

static void
socket_paths_must_fit(void **state)
{
    (void)state;
    char text[512];
    for (int n = 90; n <= 110; n++) {
        /* ipc:///xxx: the path has n bytes */
        snprintf(text, sizeof(text), "broker\n    public = \"tcp://127.0.0.1:1,ipc:///%0*d\"\n", n - 1, 7);
        gh_conf_t *conf = load(text);
        assert_int_equal(conf != NULL, n <= 107);
        gh_conf_destroy(&conf);
    }
    assert_non_null(strstr(said, "broker.public: the socket path has 110 bytes of at most 107"));
}

static void
production_refuses_weak_secrets(void **state)
{
    (void)state;
    static const char strong[] = "0123456789abcdef0123456789abcdef";
    char text[512];
    snprintf(text, sizeof(text), "system\n    mode = production\ntoken\n    secret = %.31s\n", strong);
    load_bad(text, "token.secret: ", "has fewer than 32 bytes");
    snprintf(text, sizeof(text),
             "system\n    mode = production\ntoken\n    secret = %s\n    refresh_secret = %s\n", strong,
             strong);
    load_bad(text, "token.refresh_secret: ", "equals token.secret");
    snprintf(text, sizeof(text), "system\n    mode = production\ntoken\n    secret = %s\n", strong);
    gh_conf_t *conf = load_good(text);
    gh_conf_destroy(&conf);
}

static void
secrets_are_not_printed(void **state)
{
    (void)state;
    setenv("GUAHAO_TOKEN_SECRET", "s3cret-${var}", 1);
    gh_conf_t *conf = load_good("database\n    url = postgresql://u:pa55@h/db\nworker\n    lanes = 3\n");
    unsetenv("GUAHAO_TOKEN_SECRET");
    assert_string_equal(gh_conf_str(conf, "token.secret"), "s3cret-${var}"); /* taken as it is */
    for (int json = 0; json < 2; json++) {
        capture_t c = capture_begin(STDOUT_FILENO);
        gh_conf_print(conf, json);
        capture_end(&c, said, sizeof(said));
        assert_null(strstr(said, "s3cret"));
        assert_null(strstr(said, "pa55"));
        assert_non_null(strstr(said, "***"));
        assert_non_null(strstr(said, "GUAHAO_TOKEN_SECRET"));
        if (json) {
            json_t *list = json_loads(said, 0, NULL);
            assert_int_equal(json_array_size(list), gh_settings_count);
            json_decref(list);
        } else {
            char line[128];
            snprintf(line, sizeof(line), "worker.lanes = 3 connections  (%s:4)", file);
            assert_non_null(strstr(said, line));
        }
    }
    gh_conf_destroy(&conf);
    load_bad("database\n    url = mysql://u:pa55@h/db\n", ":2: ", "database.url: only PostgreSQL");
    assert_null(strstr(said, "pa55"));
}

/* A name that the table lacks, or the wrong type, is a bug and ends the process. */
static void
wrong_questions_abort(void **state)
{
    (void)state;
    gh_conf_t *conf = load_good("");
    for (int i = 0; i < 3; i++) {
        capture_t c = capture_begin(STDERR_FILENO);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            if (i == 0)
                gh_conf_str(conf, "no.such");
            else if (i == 1)
                gh_conf_int(conf, "log.level");
            else
                gh_conf_str(conf, "front.port");
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        capture_end(&c, said, sizeof(said));
        assert_true(WIFSIGNALED(status));
        assert_non_null(strstr(said, "no such name, or asked for with the wrong type"));
    }
    gh_conf_destroy(&conf);
}

/* conf/guahao.conf without the # before its settings: valid, complete, and equal to the defaults. */
static void
the_default_file_documents_every_setting(void **state)
{
    (void)state;
    char path[4200], line[1024], *text = NULL;
    size_t size;
    snprintf(path, sizeof(path), "%s/conf/guahao.conf", gh_conf_share_dir());
    FILE *in = fopen(path, "r"), *out = open_memstream(&text, &size);
    assert_non_null(in);
    while (fgets(line, sizeof(line), in))
        fputs(strncmp(line, "#    ", 5) == 0 ? line + 1 : line, out);
    fclose(in);
    fclose(out);
    gh_conf_t *set = load_good(text), *defaults = load_good("");
    free(text);
    for (size_t i = 0; i < gh_settings_count; i++) {
        if (strcmp(set->source[i], "default") == 0)
            fail_msg("conf/guahao.conf lacks %s", gh_settings[i].name);
        if (strcmp(set->text[i], defaults->text[i]) != 0)
            fail_msg("conf/guahao.conf: default of %s is %s", gh_settings[i].name, defaults->text[i]);
    }
    gh_conf_destroy(&set);
    gh_conf_destroy(&defaults);
    /* and as it is delivered, everything is at its default */
    gh_conf_t *delivered = gh_conf_load(path);
    assert_non_null(delivered);
    for (size_t i = 0; i < gh_settings_count; i++)
        assert_string_equal(delivered->source[i], "default");
    gh_conf_destroy(&delivered);
}

static void
every_row_of_the_table_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < gh_settings_count; i++) {
        const gh_setting_t *set = &gh_settings[i];
        size_t n = strlen(set->help);
        assert_true(strchr(set->name, '.') && n > 10 && set->help[n - 1] == '.');
        assert_true(set->type == GH_SET_WORD || set->type == GH_SET_BOOL || set->max > set->min ||
                    set->max == 3);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(set->name, gh_settings[k].name);
    }
}

static void
booleans_and_numbers_parse_strictly(void **state)
{
    (void)state;
    static const gh_setting_t flag = {.name = "x.flag", .type = GH_SET_BOOL};
    static const struct {
        const char *text;
        int value;
    } cases[] = {{"true", 1}, {"yes", 1}, {"on", 1}, {"1", 1},     {"false", 0}, {"no", 0},
                 {"off", 0},  {"0", 0},   {"", -1},  {"TRUE", -1}, {"2", -1},    {"true ", -1}};
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        char reason[256], *text = strdup(cases[i].text);
        int64_t number = -1;
        const char *why = gh_setting_check(&flag, &text, &number, reason);
        assert_int_equal(why == NULL, cases[i].value >= 0);
        assert_int_equal(number, cases[i].value);
        free(text);
    }
}

/* api/31, the last table: each name, alone. */
static const struct {
    const char *set, *setting, *text;
} s_older[] = {
    {"DATABASE_URL=postgres://h/a", "database.url", "postgresql://h/a"},
    {"TEST_DATABASE_URL=postgresql+psycopg2://h/b", "database.url", "postgresql://h/b"},
    {"SECRET_KEY=one", "token.secret", "one"},
    {"JWT_SECRET_KEY=two", "token.secret", "two"},
    {"JWT_REFRESH_SECRET=three", "token.refresh_secret", "three"},
    {"ALGORITHM=HS512", "token.algorithm", "HS512"},
    {"ACCESS_TOKEN_EXPIRE_MINUTES=15", "token.access_minutes", "15"},
    {"REFRESH_TOKEN_EXPIRE_DAYS=3", "token.refresh_days", "3"},
    {"TOKEN_EXPIRE_TIME=60", "token.classic_minutes", "60"},
    {"PROJECT_NAME=OMMS", "hospital.name", "OMMS"},
    {"APP_NAME=MedicalBackend", "hospital.name", "MedicalBackend"},
    {"API_V1_STR=", "hospital.name", "Guahao"},
    {"API_V1_STR=/api/v1", "hospital.name", "Guahao"},
    {"DEBUG=true", "system.mode", "development"},
    {"DEBUG=1", "log.level", "debug"},
    {"DEBUG=True", "docs.enabled", "true"},
    {"DEBUG=on", "payment.sandbox", "true"},
    {"DEBUG=false", "log.level", "info"},
    {"DEBUG=", "log.level", "info"},
    {"EMAIL_FROM=a@b.example", "smtp.from", "a@b.example"},
    {"SMTP_FROM=c@b.example", "smtp.from", "c@b.example"},
    {"SMTP_USER=me", "smtp.user", "me"},
    {"SMTP_PASSWORD=secret", "smtp.password", "secret"},
    {"SMTP_HOST=mail.example", "smtp.url", "smtp://mail.example:25"},
    {"SMTP_HOST=mail.example", "message.mail", "smtp"},
    {"SMTP_HOST=mail.example SMTP_PORT=587", "smtp.url", "smtp://mail.example:587"},
    {"SMTP_HOST=mail.example SMTP_PORT=465", "smtp.url", "smtps://mail.example:465"},
    {"SMTP_PORT=2525", "smtp.url", "smtp://127.0.0.1:25"},
    {"SMTP_HOST=mail.example GUAHAO_SMTP_URL=smtp://other:26", "smtp.url", "smtp://other:26"},
    {"SMTP_HOST=mail.example GUAHAO_MESSAGE_MAIL=none", "message.mail", "none"},
    {"DEBUG=true GUAHAO_LOG_LEVEL=warn", "log.level", "warn"},
    {"DATABASE_URL=postgres://h/a TEST_DATABASE_URL=postgres://h/b", "database.url", "postgresql://h/a"},
    {"SECRET_KEY=one JWT_SECRET_KEY=two", "token.secret", "two"},
    {"PROJECT_NAME=OMMS APP_NAME=MedicalBackend", "hospital.name", "OMMS"},
};

/* "A=1 B=2" into the environment, or out of it. */
static void
change_env(const char *set, bool put)
{
    char copy[256], *rest = copy;
    snprintf(copy, sizeof copy, "%s", set);
    for (char *one; (one = strsep(&rest, " "));) {
        char *value = strchr(one, '=');
        *value = '\0';
        assert_int_equal(put ? setenv(one, value + 1, 1) : unsetenv(one), 0);
    }
}

static void
each_name_of_the_older_systems_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < GH_COUNT(s_older); i++) {
        change_env(s_older[i].set, true);
        gh_conf_t *conf = load_good("");
        if (strcmp(gh_conf_text(conf, s_older[i].setting), s_older[i].text) != 0)
            fail_msg("%s: %s is %s", s_older[i].set, s_older[i].setting,
                     gh_conf_text(conf, s_older[i].setting));
        gh_conf_destroy(&conf);
        change_env(s_older[i].set, false);
    }
}

static void
names_of_the_older_systems_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *set, *place, *reason;
    } cases[] = {
        {"API_V1_STR=/v2", "API_V1_STR: ", "is reserved: empty or /api/v1"},
        {"DEBUG=perhaps", "DEBUG: ", "neither true nor false"},
        {"SMTP_PORT=0", "SMTP_PORT: ", "is no port: 1 to 65535"},
        {"SMTP_PORT=25x", "SMTP_PORT: ", "is no port: 1 to 65535"},
        {"ALGORITHM=none", "ALGORITHM: ", "token.algorithm: must be one of"},
        {"DATABASE_URL=mysql+aiomysql://h/x", "DATABASE_URL: ", "database.url: only PostgreSQL is supported"},
        {"ACCESS_TOKEN_EXPIRE_MINUTES=soon",
         "ACCESS_TOKEN_EXPIRE_MINUTES: ", "token.access_minutes: not a whole number"},
        {"DEBUG=true GUAHAO_SYSTEM_MODE=production GUAHAO_PAYMENT_SANDBOX=false",
         "DEBUG: ", "is the development mode, which production refuses"},
        {"SECRET_KEY=short GUAHAO_SYSTEM_MODE=production", "token.secret: ", "has fewer than 32 bytes"},
        {"JWT_SECRET_KEY=0123456789012345678901234567890123 "
         "JWT_REFRESH_SECRET=0123456789012345678901234567890123 "
         "GUAHAO_SYSTEM_MODE=production",
         "token.refresh_secret: ", "equals token.secret"},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        change_env(cases[i].set, true);
        load_bad("", cases[i].place, cases[i].reason);
        change_env(cases[i].set, false);
    }
}

static int
make_dir(void **state)
{
    (void)state;
    char var[64];
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof(file), "%s/test.conf", dir);
    snprintf(var, sizeof(var), "%s/var/", dir);
    static const char *const names[] = {"DATABASE_URL",       "SECRET_KEY",    "JWT_SECRET_KEY",
                                        "JWT_REFRESH_SECRET", "ALGORITHM",     "GUAHAO_HTTP_PORT",
                                        "TOKEN_EXPIRE_TIME",  "GUAHAO_CONFIG", "GUAHAO_SHARE"};
    for (size_t i = 0; i < GH_COUNT(names); i++)
        unsetenv(names[i]);
    return setenv("GUAHAO_VAR", var, 1);
}

static int
remove_dir(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_a_file),
        cmocka_unit_test(file_over_default_and_environment_over_file),
        cmocka_unit_test(names_of_the_older_systems_work),
        cmocka_unit_test(each_name_of_the_older_systems_alone),
        cmocka_unit_test(names_of_the_older_systems_are_refused),
        cmocka_unit_test(connection_strings_are_normalised_or_refused),
        cmocka_unit_test(bad_values_are_refused_with_file_and_line),
        cmocka_unit_test(unknown_names_are_refused_with_file_and_line),
        cmocka_unit_test(unreadable_files_are_refused),
        cmocka_unit_test(socket_paths_must_fit),
        cmocka_unit_test(production_refuses_weak_secrets),
        cmocka_unit_test(secrets_are_not_printed),
        cmocka_unit_test(wrong_questions_abort),
        cmocka_unit_test(the_default_file_documents_every_setting),
        cmocka_unit_test(every_row_of_the_table_is_whole),
        cmocka_unit_test(booleans_and_numbers_parse_strictly),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
