/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files of a folder, so that what the fuzzers found once stays tested
 * where there is no fuzzer. Fails if there is nothing to run.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Reads a file into memory of exactly its size, so that a sanitizer sees a read past the end. */
static int replay(const char *path, size_t len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(len ? len : 1);
    int failed = !file || !data || fread(data, 1, len, file) != len;
    if (failed)
        perror(path);
    else
        LLVMFuzzerTestOneInput(data, len);
    free(data);
    if (file)
        fclose(file);
    return failed;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (!dir) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER (which must exist)\n", argv[0]);
        return 2;
    }
    unsigned files = 0;
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[4096];
        struct stat info;
        int n = snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (n < 0 || (size_t)n >= sizeof path || stat(path, &info) || !S_ISREG(info.st_mode))
            continue;
        failed |= replay(path, (size_t)info.st_size);
        files++;
    }
    closedir(dir);
    printf("%u inputs\n", files);
    return failed || !files;
}
