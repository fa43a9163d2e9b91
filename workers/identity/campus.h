/*
 * workers/identity/campus.h - the campus directory: who is it that has this number and password? (BR-113)
 *
 * A replaceable adapter, chosen by the setting campus.directory: `off`; `http`, which posts {identifier, password} as JSON to campus.url
 * and takes a person from a 200 (a 401 or 403 is a refusal); `file`, for development, a JSON list of persons with their passwords.
 * A person is {userId, userName, roleCode, roleName}. Asking blocks: it is done on a thread.
 */
#ifndef GH_IDENTITY_CAMPUS_H
#define GH_IDENTITY_CAMPUS_H

#include "base/buf.h"
#include "base/conf.h"

typedef enum {
    GH_CAMPUS_KNOWN,
    GH_CAMPUS_REFUSED, /* the directory says no */
    GH_CAMPUS_STRANGE, /* it says yes to something else: no person, or another number */
    GH_CAMPUS_SILENT   /* it did not answer, or cannot be read */
} gh_campus_word_t;

typedef struct gh_campus_person {
    char user_id[51], name[121 * 4], role_code[64],
        role_name[64 * 4]; /* UTF-8; no longer than the columns they go to */
} gh_campus_person_t;

typedef struct gh_campus_ask {
    const gh_conf_t *conf;
    gh_str_t identifier, password; /* as long as the question lasts */
    gh_campus_word_t word;
    gh_campus_person_t person;
} gh_campus_ask_t;

bool gh_campus_offered(const gh_conf_t *conf);
/* Ask; `arg` is a gh_campus_ask_t. On a thread. Logs why a directory was silent, never who asked. */
void gh_campus_ask(void *arg);

/* campus_text.c: a person out of an answer of the directory. */
gh_campus_word_t gh_campus_read(gh_str_t json, gh_str_t identifier, gh_campus_person_t *out);
/* The same out of the file: the entry with this number must have this password. */
gh_campus_word_t gh_campus_find(gh_str_t json, gh_str_t identifier, gh_str_t password,
                                gh_campus_person_t *out);
/* 学生, 教师, 职工, else 校外: by the role's name, else its code (student, teacher, staff). */
const char *gh_campus_type(const gh_campus_person_t *person);

#endif
