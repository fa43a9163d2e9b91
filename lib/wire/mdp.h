/*
 * lib/wire/mdp.h - Majordomo framing: 18/MDP 0.2 and 7/MDP 0.1, 8/MMI (frames in order, string frames without NUL)
 *
 *   0.2 client -> broker   MDPC02 | 01 REQUEST | service | body...
 *       broker -> client   MDPC02 | 02 PARTIAL / 03 FINAL | service | body...
 *       worker -> broker   MDPW02 | 01 READY | service [| credit [| name]]
 *                          MDPW02 | 03 PARTIAL / 04 FINAL | client | "" | body...
 *       broker -> worker   MDPW02 | 02 REQUEST | client | "" | body...
 *       both               MDPW02 | 05 HEARTBEAT [| figures], 06 DISCONNECT [| "leave"]
 *   0.1 client             "" | MDPC01 | service | body...          (both directions)
 *       worker             "" | MDPW01 | 01 READY | service; 02 REQUEST; 03 REPLY; 04 HEARTBEAT; 05 DISCONNECT
 * The credit frame of READY is ours: a decimal number 1..65535, the jobs the worker wants in hand; so is the name of its process,
 * host:pid, by which an operator knows it, and the frame that a worker's HEARTBEAT may have: what it has done so far (figures.h).
 * DISCONNECT with "leave" asks a worker of ours to finish what it holds and to end.
 */
#ifndef GH_WIRE_MDP_H
#define GH_WIRE_MDP_H

#include "base/gh.h"

#define GH_MDPC02 "MDPC02"
#define GH_MDPW02 "MDPW02"
#define GH_MDPC01 "MDPC01"
#define GH_MDPW01 "MDPW01"

enum { GH_MDPC_REQUEST = 1, GH_MDPC_PARTIAL = 2, GH_MDPC_FINAL = 3 };
enum {
    GH_MDPW_READY = 1,
    GH_MDPW_REQUEST = 2,
    GH_MDPW_PARTIAL = 3,
    GH_MDPW_FINAL = 4,
    GH_MDPW_HEARTBEAT = 5,
    GH_MDPW_DISCONNECT = 6
};
enum {
    GH_MDPW01_READY = 1,
    GH_MDPW01_REQUEST = 2,
    GH_MDPW01_REPLY = 3,
    GH_MDPW01_HEARTBEAT = 4,
    GH_MDPW01_DISCONNECT = 5
};

#define GH_MDP_SERVICE_MAX 128
#define GH_MDP_NAME_MAX    63
#define GH_MDPW_LEAVE      "leave"

/* 1..128 bytes of [A-Za-z0-9._-]. */
bool gh_mdp_service_valid(gh_str_t service);

/* The number of a credit frame, 0 when it is not one. */
uint32_t gh_mdp_credit(gh_str_t credit);

/* A parsed message: views into the caller's frames. body is the index of the first body frame. */
typedef struct gh_mdp_msg {
    enum { GH_MDP_CLIENT, GH_MDP_WORKER } side;
    uint8_t version; /* 1 or 2 */
    uint8_t
        command; /* GH_MDPC_* or GH_MDPW_* of 0.2, whatever the version; a 0.1 client message, which has no
                          command byte, is always GH_MDPC_REQUEST */
    gh_str_t service; /* REQUEST of a client, READY */
    gh_str_t client;  /* PARTIAL and FINAL of a worker, REQUEST to a worker */
    gh_str_t credit;  /* READY, empty when absent */
    gh_str_t name;    /* READY, empty when absent */
    bool leave;       /* DISCONNECT */
    size_t body;      /* == n when there is none */
} gh_mdp_msg_t;

/* Parse the frames that follow a ROUTER's identity frame (or all frames of a DEALER). Never asserts on input:
 * -1 for anything that the RFC does not allow, checked to the byte (header 6 bytes, command 1 byte, service and
 * address lengths, the empty frame, at least one body frame where one is needed). */
int gh_mdp_parse(const gh_str_t *frames, size_t n, gh_mdp_msg_t *out) GH_MUSTCHECK;

#endif
