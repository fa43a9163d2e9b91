/*
 * lib/wire/frames.c - see frames.h
 */
#include "wire/frames.h"

size_t
gh_frames_recv(void *socket, zmq_msg_t *parts, size_t max)
{
    size_t n = 0;
    for (bool more = true; more;) {
        zmq_msg_t spare, *to = n < max ? &parts[n] : &spare;
        zmq_msg_init(to);
        if (zmq_msg_recv(to, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(to);
            break; /* only possible before the first frame: messages arrive whole */
        }
        more = zmq_msg_more(to);
        if (to == &spare)
            zmq_msg_close(to);
        else
            n++;
    }
    return n;
}

void
gh_frames_close(zmq_msg_t *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        zmq_msg_close(&parts[i]);
}

gh_str_t
gh_frame(zmq_msg_t *part)
{
    return (gh_str_t){zmq_msg_data(part), zmq_msg_size(part)};
}
