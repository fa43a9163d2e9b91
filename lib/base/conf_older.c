/*
 * lib/base/conf_older.c - see conf_older.h
 */
#include "base/conf_older.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* An empty one counts as not set. */
static const char *
variable(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* 1 and 0; -1 when it is neither, or not set. */
static int
truth(const char *name)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    const char *v = variable(name);
    for (size_t i = 0; v && i < GH_COUNT(words); i++)
        if (strcasecmp(v, words[i]) == 0)
            return (int)(i & 1);
    return -1;
}

static bool
mail_server(char value[GH_OLDER_MAX])
{
    const char *host = variable("SMTP_HOST"), *port = variable("SMTP_PORT");
    if (!host)
        return false;
    bool secure = port && strcmp(port, "465") == 0; /* RFC 8314: TLS at once */
    snprintf(value, GH_OLDER_MAX, "%s://%.300s:%.16s", secure ? "smtps" : "smtp", host, port ? port : "25");
    return true;
}

bool
gh_conf_older(const char *setting, char value[GH_OLDER_MAX], const char **name)
{
    /* DEBUG is the development mode: documents on, the sandbox provider, lines of all levels. */
    static const char *const debug[][2] = {{"system.mode", "development"},
                                           {"docs.enabled", "true"},
                                           {"payment.sandbox", "true"},
                                           {"log.level", "debug"}};
    for (size_t i = 0; i < GH_COUNT(debug); i++)
        if (strcmp(setting, debug[i][0]) == 0 && truth("DEBUG") == 1) {
            snprintf(value, GH_OLDER_MAX, "%s", debug[i][1]);
            *name = "DEBUG";
            return true;
        }
    bool url = strcmp(setting, "smtp.url") == 0, mail = strcmp(setting, "message.mail") == 0;
    if ((!url && !mail) || !mail_server(value))
        return false;
    if (mail)
        snprintf(value, GH_OLDER_MAX, "smtp");
    *name = "SMTP_HOST";
    return true;
}

static const char *
debug_fault(bool production)
{
    if (variable("DEBUG") && truth("DEBUG") < 0)
        return "neither true nor false";
    return production && truth("DEBUG") == 1 ? "is the development mode, which production refuses" : NULL;
}

static const char *
prefix_fault(bool production)
{
    (void)production;
    const char *v = variable("API_V1_STR");
    return !v || strcmp(v, "/api/v1") == 0 ? NULL : "is reserved: empty or /api/v1";
}

static const char *
port_fault(bool production)
{
    (void)production;
    const char *v = variable("SMTP_PORT");
    char *end;
    long n = v ? strtol(v, &end, 10) : 1;
    return v && (*end || n < 1 || n > 65535) ? "is no port: 1 to 65535" : NULL;
}

const char *
gh_conf_older_fault(size_t i, bool production, const char **name)
{
    static const struct {
        const char *name;
        const char *(*fault)(bool production);
    } checks[] = {{"DEBUG", debug_fault}, {"API_V1_STR", prefix_fault}, {"SMTP_PORT", port_fault}};
    *name = i < GH_COUNT(checks) ? checks[i].name : NULL;
    return *name ? checks[i].fault(production) : NULL;
}
