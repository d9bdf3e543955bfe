/* The intrusive list. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/container.h"

struct item {
    int number;
    struct list node;
};

static int number_at(struct list *node)
{
    return container_of(node, struct item, node)->number;
}

static void expect(struct list *head, const int *numbers, size_t count)
{
    struct list *node = head->next;
    struct list *back = head;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_not_equal(node, head);
        assert_ptr_equal(node->prev, back);
        assert_int_equal(number_at(node), numbers[i]);
        back = node;
        node = node->next;
    }
    assert_ptr_equal(node, head);
    assert_ptr_equal(head->prev, back);
}

static void keeps_the_order(void **state)
{
    struct list head;
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    for (size_t i = 0; i < 3; i++) {
        list_init(&items[i].node);
        list_append(&head, &items[i].node);
    }
    assert_false(list_empty(&head));
    expect(&head, (const int[]){1, 2, 3}, 3);
}

static void removes_from_anywhere_and_twice(void **state)
{
    struct list head;
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    (void)state;
    list_init(&head);
    for (size_t i = 0; i < 3; i++) {
        list_append(&head, &items[i].node);
    }
    list_remove(&items[1].node);
    expect(&head, (const int[]){1, 3}, 2);
    list_remove(&items[1].node);
    expect(&head, (const int[]){1, 3}, 2);
    assert_true(list_empty(&items[1].node));
    list_append(&head, &items[1].node);
    expect(&head, (const int[]){1, 3, 2}, 3);
    list_remove(&items[0].node);
    list_remove(&items[1].node);
    list_remove(&items[2].node);
    assert_true(list_empty(&head));
}

static void takes_all_and_leaves_none(void **state)
{
    struct list from;
    struct list to;
    struct item items[2] = {{.number = 1}, {.number = 2}};
    (void)state;
    list_init(&from);
    list_take_all(&to, &from);
    assert_true(list_empty(&to));
    list_append(&from, &items[0].node);
    list_append(&from, &items[1].node);
    list_take_all(&to, &from);
    assert_true(list_empty(&from));
    expect(&to, (const int[]){1, 2}, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order),
        cmocka_unit_test(removes_from_anywhere_and_twice),
        cmocka_unit_test(takes_all_and_leaves_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
