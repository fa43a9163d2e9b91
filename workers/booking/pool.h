/*
 * workers/booking/pool.h - the booking pool (README.md beside it)
 */
#ifndef GH_BOOKING_POOL_H
#define GH_BOOKING_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_booking;

#endif
