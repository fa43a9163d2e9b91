/*
 * lib/wire/frames.h - whole messages from a ZeroMQ socket
 */
#ifndef GH_WIRE_FRAMES_H
#define GH_WIRE_FRAMES_H

#include <zmq.h>

#include "base/gh.h"

/* Receive one message without waiting: its first max frames go to parts, the rest is read and dropped. The number of frames
 * kept, each the caller's to close (gh_frames_close); 0 when no message is there. */
size_t gh_frames_recv(void *socket, zmq_msg_t *parts, size_t max);
void gh_frames_close(zmq_msg_t *parts, size_t n);
/* Bytes of a frame, as long as it is open. */
gh_str_t gh_frame(zmq_msg_t *part);

#endif
