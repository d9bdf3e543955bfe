/* The words for what became of a guest. See notes.h. */
#include "handlers/notes.h"

#include "http/transaction.h"

const struct notes *notes_of(const struct http_transaction *transaction)
{
    return http_transaction_annex(transaction);
}

const char *notes_end_text(enum notes_end end)
{
    static const char *const texts[NOTES_END_COUNT] = {
        [NOTES_NO_GUEST] = "none",       [NOTES_EXITED] = "exited",
        [NOTES_EXIT_CODE] = "exit_code", [NOTES_TRAPPED] = "trapped",
        [NOTES_CPU] = "cpu_limit",       [NOTES_WALL] = "wall_limit",
        [NOTES_MEMORY] = "memory_limit", [NOTES_BROKEN] = "not_started",
        [NOTES_NO_HEAD] = "no_head",     [NOTES_BAD_HEAD] = "bad_head",
        [NOTES_TOO_LARGE] = "too_large", [NOTES_BAD_BODY] = "bad_body",
        [NOTES_CANCELLED] = "cancelled", [NOTES_BUSY] = "busy",
        [NOTES_REFUSED] = "refused",     [NOTES_INCOMPLETE] = "incomplete",
    };
    return end < NOTES_END_COUNT ? texts[end] : "unknown";
}
