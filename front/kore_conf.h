/*
 * front/kore_conf.h - hand our settings to Kore
 */
#ifndef GH_FRONT_KORE_CONF_H
#define GH_FRONT_KORE_CONF_H

/* Write Kore's configuration from front.conf. -1 when it does not fit. */
int front_kore_write_conf(void);
/* Kore's main (renamed at build): parent and workers; returns when everything has stopped. */
int kore_main(int argc, char *argv[]);

#endif
