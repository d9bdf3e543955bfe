/* Layers on top of each other. See rootfs.h.
 *
 * A node is found by its parent's number and its name, in a balanced tree, so that no choice of names
 * makes it slow. Taking a directory away gives its node a new number: what had the old one as parent
 * is not found any more. An opaque directory notes the layer that made it so: below it nothing of
 * older layers is seen. */
#include "oci/rootfs.h"

#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SYMLINKS_MAX = 40,
    ROOT_ID = 1,
    NAME_BYTES_MAX = 64 << 20, /* of all names and link targets together */
};

static const char whiteout[] = ".wh.";
static const char opaque[] = ".wh..wh..opq";

struct node {
    uint32_t parent; /* the key, with the name */
    uint32_t id;     /* what its children have as parent */
    bool is_gone;    /* taken away by a whiteout */
    enum tar_kind kind;
    uint32_t layer;        /* the last one that had it */
    uint32_t opaque_layer; /* of a directory: what is below it is of this layer or a later one */
    uint32_t data_layer;
    uint64_t offset;
    uint64_t size;
    char *link; /* owned: of a symlink */
    size_t name_len;
    char name[];
};

struct rootfs {
    void *tree; /* of nodes, as tsearch keeps them */
    struct node *root;
    uint32_t layer; /* from 1; 0 before the first one */
    uint32_t next_id;
    size_t count;
    size_t name_bytes;
};

/* What a node is looked up by. */
struct key {
    uint32_t parent;
    size_t name_len;
    const char *name;
};

/* A look-up under way. */
struct place {
    const struct rootfs *rootfs;
    const struct node *nodes[ROOTFS_DEPTH_MAX + 1]; /* from the root to where it is */
    uint32_t layers[ROOTFS_DEPTH_MAX + 1];          /* the oldest layer that shows below each */
    size_t depth;
    uint32_t followed;
    char rest[2 * TAR_NAME_MAX]; /* of the path, not walked yet */
};

static int compare_names(uint32_t a_parent, const char *a, size_t a_len, uint32_t b_parent,
                         const char *b, size_t b_len)
{
    if (a_parent != b_parent) {
        return a_parent < b_parent ? -1 : 1;
    }
    size_t len = a_len < b_len ? a_len : b_len;
    int order = memcmp(a, b, len);
    if (order != 0 || a_len == b_len) {
        return order;
    }
    return a_len < b_len ? -1 : 1;
}

static int compare_nodes(const void *a, const void *b)
{
    const struct node *one = a;
    const struct node *other = b;
    return compare_names(one->parent, one->name, one->name_len, other->parent, other->name,
                         other->name_len);
}

/* tfind hands the key through as the first argument. */
static int compare_key(const void *a, const void *b)
{
    const struct key *key = a;
    const struct node *node = b;
    return compare_names(key->parent, key->name, key->name_len, node->parent, node->name,
                         node->name_len);
}

static void free_node(void *item)
{
    struct node *node = item;
    free(node->link);
    free(node);
}

/* -- making ----------------------------------------------------------------------------------- */

static struct node *find_node(const struct rootfs *rootfs, uint32_t parent, const char *name,
                              size_t len)
{
    const struct key key = {parent, len, name};
    void *const *found = tfind(&key, &rootfs->tree, compare_key);
    return found != NULL ? *found : NULL;
}

static int add_node(struct rootfs *rootfs, uint32_t parent, const char *name, size_t len,
                    struct node **ret_node)
{
    if (rootfs->count >= ROOTFS_NODES_MAX || rootfs->name_bytes + len > NAME_BYTES_MAX) {
        return -E2BIG;
    }
    struct node *node = calloc(1, sizeof *node + len + 1);
    if (node == NULL) {
        return -ENOMEM;
    }
    node->parent = parent;
    node->id = rootfs->next_id++;
    node->name_len = len;
    memcpy(node->name, name, len);
    if (tsearch(node, &rootfs->tree, compare_nodes) == NULL) {
        free(node);
        return -ENOMEM;
    }
    rootfs->count++;
    rootfs->name_bytes += len;
    *ret_node = node;
    return 0;
}

int rootfs_new(struct rootfs **ret_rootfs)
{
    struct rootfs *rootfs = calloc(1, sizeof *rootfs);
    if (rootfs == NULL) {
        return -ENOMEM;
    }
    rootfs->next_id = ROOT_ID;
    int r = add_node(rootfs, /* parent */ 0, "", 0, &rootfs->root);
    if (r < 0) {
        rootfs_free(rootfs);
        return r;
    }
    rootfs->root->kind = TAR_DIRECTORY;
    *ret_rootfs = rootfs;
    return 0;
}

void rootfs_free(struct rootfs *rootfs)
{
    if (rootfs == NULL) {
        return;
    }
    tdestroy(rootfs->tree, free_node);
    free(rootfs);
}

void rootfs_next_layer(struct rootfs *rootfs)
{
    rootfs->layer++;
}

/* Make a node what it was not: what was below it is gone. */
static void become(struct rootfs *rootfs, struct node *node, enum tar_kind kind)
{
    node->id = rootfs->next_id++;
    node->is_gone = false;
    node->kind = kind;
    node->opaque_layer = 0;
    node->size = 0;
    free(node->link);
    node->link = NULL;
}

/* Find or make the directory `name` below `parent`. */
static int enter(struct rootfs *rootfs, const struct node *parent, const char *name, size_t len,
                 struct node **ret_node)
{
    struct node *node = find_node(rootfs, parent->id, name, len);
    if (node == NULL) {
        int r = add_node(rootfs, parent->id, name, len, &node);
        if (r < 0) {
            return r;
        }
        node->kind = TAR_DIRECTORY;
    } else if (node->is_gone || node->kind != TAR_DIRECTORY) {
        become(rootfs, node, TAR_DIRECTORY);
    }
    node->layer = rootfs->layer;
    *ret_node = node;
    return 0;
}

/* Walk to the directory that holds the last part of a path, making what lacks. */
static int enter_parent(struct rootfs *rootfs, const char *path, struct node **ret_parent,
                        const char **ret_name)
{
    struct node *node = rootfs->root;
    size_t depth = 0;
    size_t len = strcspn(path, "/");
    while (path[len] == '/') {
        if (++depth >= ROOTFS_DEPTH_MAX) {
            return -E2BIG;
        }
        int r = enter(rootfs, node, path, len, &node);
        if (r < 0) {
            return r;
        }
        path += len + 1;
        len = strcspn(path, "/");
    }
    *ret_parent = node;
    *ret_name = path;
    return 0;
}

static int set_link(struct rootfs *rootfs, struct node *node, const char *target)
{
    size_t len = strlen(target);
    if (rootfs->name_bytes + len > NAME_BYTES_MAX) {
        return -E2BIG;
    }
    rootfs->name_bytes += len;
    node->link = strdup(target);
    return node->link == NULL ? -ENOMEM : 0;
}

/* A hard link has the bytes of what it names; naming nothing it is no file. */
static void set_hard_link(struct rootfs *rootfs, struct node *node, const char *target)
{
    struct rootfs_file file;
    node->kind = TAR_OTHER;
    if (rootfs_find(rootfs, target, &file) == 0) {
        node->kind = TAR_FILE;
        node->data_layer = file.layer;
        node->offset = file.offset;
        node->size = file.size;
    }
}

static int set_node(struct rootfs *rootfs, struct node *node, const struct tar_entry *entry)
{
    bool is_same_dir =
        !node->is_gone && node->kind == TAR_DIRECTORY && entry->kind == TAR_DIRECTORY;
    if (!is_same_dir) {
        become(rootfs, node, entry->kind);
    }
    node->layer = rootfs->layer;
    node->data_layer = rootfs->layer - 1;
    node->offset = entry->offset;
    node->size = entry->size;
    if (entry->kind == TAR_SYMLINK) {
        return set_link(rootfs, node, entry->link);
    }
    if (entry->kind == TAR_HARDLINK) {
        set_hard_link(rootfs, node, entry->link);
    }
    return 0;
}

static int add_entry(struct rootfs *rootfs, const struct tar_entry *entry)
{
    struct node *parent = NULL;
    struct node *node = NULL;
    const char *name = NULL;
    if (entry->path[0] == '\0') {
        return 0; /* the root is there */
    }
    int r = enter_parent(rootfs, entry->path, &parent, &name);
    if (r < 0) {
        return r;
    }
    if (strcmp(name, opaque) == 0) {
        parent->opaque_layer = rootfs->layer;
        return 0;
    }
    if (strncmp(name, whiteout, sizeof whiteout - 1) == 0) {
        name += sizeof whiteout - 1;
        node = find_node(rootfs, parent->id, name, strlen(name));
        /* It is of the layers below, and not of what this layer itself brought. */
        if (node != NULL && node->layer < rootfs->layer) {
            node->is_gone = true;
            node->id = rootfs->next_id++;
        }
        return 0;
    }
    node = find_node(rootfs, parent->id, name, strlen(name));
    if (node == NULL) {
        r = add_node(rootfs, parent->id, name, strlen(name), &node);
        if (r < 0) {
            return r;
        }
        node->is_gone = true;
    }
    return set_node(rootfs, node, entry);
}

int rootfs_add(struct rootfs *rootfs, const struct tar_entry *entry, struct error *err)
{
    int r = add_entry(rootfs, entry);
    if (r == -E2BIG) {
        return error_set(err, r,
                         "the image has more than %d files, or a path of more than %d parts",
                         (int)ROOTFS_NODES_MAX, (int)ROOTFS_DEPTH_MAX);
    }
    return r < 0 ? error_set_errno(err, r, "reading a layer") : 0;
}

/* -- finding ---------------------------------------------------------------------------------- */

static void to_root(struct place *place)
{
    place->depth = 0;
    place->nodes[0] = place->rootfs->root;
    place->layers[0] = place->rootfs->root->opaque_layer;
}

/* Put a link's target before what is left of the path. */
static int follow(struct place *place, const char *link)
{
    char joined[2 * TAR_NAME_MAX];
    int len = snprintf(joined, sizeof joined, "%s/%s", link, place->rest);
    if (++place->followed > SYMLINKS_MAX || len < 0 || (size_t)len >= sizeof joined) {
        return -ELOOP;
    }
    if (link[0] == '/') {
        to_root(place);
    }
    memcpy(place->rest, joined, (size_t)len + 1);
    return 0;
}

/* Go into `name` below where the look-up is. */
static int step(struct place *place, const char *name, size_t len)
{
    const struct node *here = place->nodes[place->depth];
    uint32_t oldest = place->layers[place->depth];
    if (here->kind != TAR_DIRECTORY) {
        return -ENOENT;
    }
    const struct node *node = find_node(place->rootfs, here->id, name, len);
    if (node == NULL || node->is_gone || node->layer < oldest) {
        return -ENOENT;
    }
    if (node->kind == TAR_SYMLINK) {
        return follow(place, node->link);
    }
    if (place->depth == ROOTFS_DEPTH_MAX) {
        return -ENOENT;
    }
    place->depth++;
    place->nodes[place->depth] = node;
    place->layers[place->depth] = node->opaque_layer > oldest ? node->opaque_layer : oldest;
    return 0;
}

static int walk(struct place *place)
{
    char part[2 * TAR_NAME_MAX];
    while (place->rest[0] != '\0') {
        size_t len = strcspn(place->rest, "/");
        memcpy(part, place->rest, len);
        size_t used = len + (place->rest[len] == '/' ? 1 : 0);
        memmove(place->rest, place->rest + used, strlen(place->rest + used) + 1);
        if (len == 0 || (len == 1 && part[0] == '.')) {
            continue;
        }
        if (len == 2 && memcmp(part, "..", 2) == 0) {
            place->depth -= place->depth > 0 ? 1 : 0; /* above the root is the root */
            continue;
        }
        int r = step(place, part, len);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void write_path(const struct place *place, char path[TAR_NAME_MAX])
{
    size_t at = 0;
    for (size_t i = 1; i <= place->depth; i++) {
        const struct node *node = place->nodes[i];
        if (at + 1 + node->name_len + 1 > TAR_NAME_MAX) {
            break; /* only for words: what is left out is not looked up */
        }
        path[at++] = '/';
        memcpy(path + at, node->name, node->name_len);
        at += node->name_len;
    }
    path[at] = '\0';
}

int rootfs_find(const struct rootfs *rootfs, const char *path, struct rootfs_file *ret_file)
{
    struct place place = {.rootfs = rootfs};
    size_t len = strlen(path);
    if (len >= TAR_NAME_MAX) {
        return -ENAMETOOLONG;
    }
    memcpy(place.rest, path, len + 1);
    to_root(&place);
    int r = walk(&place);
    if (r < 0) {
        return r;
    }
    const struct node *node = place.nodes[place.depth];
    if (node->kind == TAR_DIRECTORY) {
        return -EISDIR;
    }
    if (node->kind != TAR_FILE) {
        return -EINVAL;
    }
    *ret_file =
        (struct rootfs_file){.layer = node->data_layer, .offset = node->offset, .size = node->size};
    write_path(&place, ret_file->path);
    return 0;
}
