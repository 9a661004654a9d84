// client.h: the emulated driver's functions as Go calls them, each found by its name.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "params.h"

int client_open(void **context);
int client_close(void);
int client_alloc(uint64_t *p, size_t n);
int client_free(uint64_t p);
int client_host_alloc(void **p, size_t n);
int client_host_free(void *p);
int client_upload(uint64_t to, const void *from, size_t n);
int client_download(void *to, uint64_t from, size_t n);
int client_download_async(void *to, uint64_t from, size_t n);
int client_copy2d(uint64_t to, size_t to_pitch, uint64_t from, size_t from_pitch, size_t width, size_t height);
int client_fill(uint64_t p, unsigned v, size_t n);
int client_load(void **module, const char *image);
int client_unload(void *module);
int client_function(void **f, void *module, const char *name);
int client_launch(void *f, const unsigned grid[3], const unsigned block[3], unsigned dynamic, const test_params *p);
int client_sync(void);
int client_stream(void **s);
int client_stream_destroy(void *s);
int client_elapsed(float *ms);
const char *client_error(int status);
