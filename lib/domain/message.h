/*
 * lib/domain/message.h - messages to people, queued in the transaction of their cause
 *
 * A pool queues a message beside its other writes: when the transaction is rolled back nobody gets it, when it is committed
 * the senders deliver it within a second (lib/deliver/sender.h), at least once. Texts are templates of this table; codes and links
 * live in them alone and are wiped from the row when it has been sent or has run out of time. A notice of an account is kept, and
 * shown under the account's messages.
 */
#ifndef GH_DOMAIN_MESSAGE_H
#define GH_DOMAIN_MESSAGE_H

#include "base/error.h"
#include "worker/worker.h"

/* The placeholders of each are in message.c. */
typedef enum {
    GH_MESSAGE_SMS_CODE,       /* code, n (minutes) */
    GH_MESSAGE_MAIL_CODE,      /* code, n (minutes) */
    GH_MESSAGE_MAIL_LINK,      /* url, n (minutes) */
    GH_MESSAGE_PASSWORD_RESET, /* url, n (minutes) */
    /* Queued in sets by close.sql, in this order. name (patient), doctor, day, section, no (order), amount, reason */
    GH_MESSAGE_VISIT_CANCELLED,
    GH_MESSAGE_VISIT_REFUNDED,
    GH_MESSAGE_WAIT_CANCELLED,
    GH_MESSAGE_SESSION_CLOSED, /* to the doctor: doctor, day, section, n (bookings), reason */
    GH_MESSAGE_VISIT_HANDED,   /* in sets, by doctor_hand_over: name, former, doctor, day, section, no */
    GH_MESSAGE_SESSION_HANDED, /* to the doctor who takes over: former, doctor, day, section, n (bookings) */
    /* About orders, by gh_message_orders(): name, doctor, day, section, start, no, amount, reason */
    GH_MESSAGE_PLACE_OFFERED,
    GH_MESSAGE_VISIT_REMINDER, /* once for a visit day (BR-147) */
    GH_MESSAGE_BOOKING_PAID,
    GH_MESSAGE_VISIT_MOVED,    /* by the patient */
    GH_MESSAGE_VISIT_ARRANGED, /* moved by the hospital */
    GH_MESSAGE_VISIT_GIVEN_UP, /* by the patient */
    GH_MESSAGE_COUNT
} gh_message_t;

typedef struct gh_message_row {
    const char *name;
    const char *channel; /* mail or sms; NULL: whichever the recipient has an address for */
    const char *subject; /* NULL: the channel has none */
    const char *text;
    const char *
        purpose; /* of WeChat: settings wechat.template_<purpose>, wechat.data_<purpose>; NULL: not by WeChat */
    const char *scene; /* of WeChat (api/11) */
    bool booker_first; /* told is the one who booked, else the patient; false: the other way round */
    bool once;         /* about an order and its visit day */
    bool over;         /* about orders that are over; false: about those that are to come */
} gh_message_row_t;

const gh_message_row_t *gh_message_row(gh_message_t which);

/* Queue a message with the writes of this phase (the last one, of a WRITE or TASK). recipient: a mail address or phone number;
 * expires_us: not sent from then on, a code or link is worthless after its time; args: values of the placeholders. All is
 * copied. When memory runs out the batch fails. */
void gh_message_queue(gh_batch_t *b, gh_message_t which, const char *recipient, int64_t expires_us,
                      const gh_error_arg_t *args);

/* Tell people about orders, with the writes of this phase, after those that changed the orders: one statement for all. orders: an array
 * literal of ids. reason: the value of {reason}, NULL: what the order says. By mail or short message when the row's channel is NULL, and by WeChat
 * when the settings have a template and the account has accepted it last (BR-149); whoever cannot be reached is left out. Of a
 * row that is said once, what was sent or waits is not queued again, what was given up is. All is copied. When memory runs out the
 * batch fails. */
void gh_message_orders(gh_batch_t *b, gh_message_t which, const char *orders, const char *reason);

/* The template of a purpose by the settings, NULL: none; and its members as JSON with placeholders. Borrowed from conf. */
const char *gh_message_wechat_template(const gh_conf_t *conf, const char *purpose);
const char *gh_message_wechat_data(const gh_conf_t *conf, const char *purpose);

#endif
