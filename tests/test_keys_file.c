/* SPDX-License-Identifier: MIT */
#include "test_x509_support.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of its own for each test, which ends with it. */
static char folder[64], path[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/p2p-keys-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/key.pem", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    /* Fails if anything else was left behind. */
    return rmdir(folder);
}

static mode_t mode_of(const char *name)
{
    struct stat info;
    assert_int_equal(stat(name, &info), 0);
    return info.st_mode & 07777;
}

static void written_for_the_owner_alone(void **state)
{
    (void)state;
    char out[64];
    size_t len;
    unsigned warnings = 99;
    mode_t before = umask(0);
    assert_int_equal(p2p_key_file_write(path, "secret", 6, 0), 0);
    umask(before);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, &warnings), 0);
    assert_int_equal(len, 6);
    assert_memory_equal(out, "secret", 6);
    assert_int_equal(warnings, 0);
    assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, NULL), 0);
}

static void an_existing_file_stays(void **state)
{
    (void)state;
    char out[64];
    size_t len;
    assert_int_equal(p2p_key_file_write(path, "old", 3, 0), 0);
    assert_int_equal(p2p_key_file_write(path, "newer", 5, 0), P2P_ERR_IN_USE);
    assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, NULL), 0);
    assert_int_equal(len, 3);
    assert_int_equal(chmod(path, 0644), 0);
    mode_t before = umask(0);
    assert_int_equal(p2p_key_file_write(path, "newer", 5, P2P_KEY_FILE_OVERWRITE), 0);
    umask(before);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, NULL), 0);
    assert_int_equal(len, 5);
    assert_memory_equal(out, "newer", 5);
}

static void overwriting_needs_no_old_file(void **state)
{
    (void)state;
    assert_int_equal(p2p_key_file_write(path, "x", 1, P2P_KEY_FILE_OVERWRITE), 0);
    assert_int_equal(mode_of(path), 0600);
}

/* What cannot be replaced leaves no temporary file behind, which remove_folder() would notice. */
static void failed_overwriting_cleans_up(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(p2p_key_file_write(path, "x", 1, P2P_KEY_FILE_OVERWRITE), P2P_ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(rmdir(path), 0);
}

/* A link is not followed: the file it points to would be the one created. */
static void a_dangling_link_is_a_file_too(void **state)
{
    (void)state;
    char target[160];
    snprintf(target, sizeof target, "%s/elsewhere", folder);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(p2p_key_file_write(path, "x", 1, 0), P2P_ERR_IN_USE);
    assert_int_not_equal(access(target, F_OK), 0);
}

static void loose_modes_are_told(void **state)
{
    static const struct {
        mode_t mode;
        unsigned warnings;
    } cases[] = {
        {0600, 0},
        {0400, 0},
        {0640, P2P_KEY_FILE_LOOSE},
        {0604, P2P_KEY_FILE_LOOSE},
        {0620, P2P_KEY_FILE_LOOSE},
        {0666, P2P_KEY_FILE_LOOSE},
    };
    (void)state;
    assert_int_equal(p2p_key_file_write(path, "x", 1, 0), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[4];
        size_t len;
        unsigned warnings;
        assert_int_equal(chmod(path, cases[i].mode), 0);
        assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, &warnings), 0);
        assert_int_equal(warnings, cases[i].warnings);
    }
    /* Only root can give a file away. */
    if (geteuid() == 0 && chown(path, 12345, (gid_t)-1) == 0) {
        char out[4];
        size_t len;
        unsigned warnings;
        assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, &warnings), 0);
        assert_int_equal(warnings, P2P_KEY_FILE_LOOSE | P2P_KEY_FILE_FOREIGN);
    }
}

static void sizes_have_limits(void **state)
{
    (void)state;
    static char data[P2P_PEM_MAX + 1], out[P2P_PEM_MAX + 1];
    size_t len = 0;
    memset(data, 'k', sizeof data);
    assert_int_equal(p2p_key_file_write(path, data, P2P_PEM_MAX + 1, 0), P2P_ERR_LIMIT);
    assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, NULL), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_key_file_write(path, data, P2P_PEM_MAX, 0), 0);
    assert_int_equal(p2p_key_file_read(path, out, P2P_PEM_MAX - 1, &len, NULL), P2P_ERR_NO_SPACE);
    assert_int_equal(len, P2P_PEM_MAX);
    assert_int_equal(p2p_key_file_read(path, out, P2P_PEM_MAX, &len, NULL), 0);
    assert_memory_equal(out, data, P2P_PEM_MAX);
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    fputc('x', file);
    fclose(file);
    assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, NULL), P2P_ERR_LIMIT);
}

static void other_things_are_no_key_files(void **state)
{
    (void)state;
    char out[64], below[160], long_path[5000];
    size_t len;
    snprintf(below, sizeof below, "%s/none/key", folder);
    memset(long_path, 'p', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(p2p_key_file_read(folder, out, sizeof out, &len, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, NULL), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_key_file_read(below, out, sizeof out, &len, NULL), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_key_file_read("", out, sizeof out, &len, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_key_file_read(long_path, out, sizeof out, &len, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_key_file_write("", "x", 1, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_key_file_write(long_path, "x", 1, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_key_file_write(path, "x", 1, 2), P2P_ERR_INVALID);
    assert_int_equal(p2p_key_file_write(below, "x", 1, 0), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_key_file_write(below, "x", 1, P2P_KEY_FILE_OVERWRITE), P2P_ERR_NOT_FOUND);
    /* A pipe without a writer does not hold the reader up. */
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(p2p_key_file_read(path, out, sizeof out, &len, NULL), P2P_ERR_INVALID);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(written_for_the_owner_alone),
        IN_FOLDER(failed_overwriting_cleans_up),
        IN_FOLDER(an_existing_file_stays),
        IN_FOLDER(overwriting_needs_no_old_file),
        IN_FOLDER(a_dangling_link_is_a_file_too),
        IN_FOLDER(loose_modes_are_told),
        IN_FOLDER(sizes_have_limits),
        IN_FOLDER(other_things_are_no_key_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
