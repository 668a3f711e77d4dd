/* rnn-zoo: trained recurrent models from C. Made by cbindgen from deploy/c/src/lib.rs; do not edit. */

#pragma once

/**
 * An opened model. Any number of threads may use it.
 */
typedef struct ZooModel ZooModel;

/**
 * An unfinished answer, which comes piece by piece. One thread at a time may use a session.
 */
typedef struct ZooSession ZooSession;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library, such as "0.1.0". The library owns the string; do not release it.
 */
const char *zoo_version(void);

/**
 * Opens a trained model.
 *
 * `model` is the name of a model, or the path of the folder of its package, in UTF-8. The library searches for a name
 * first in the folder of the environment variable RNN_ZOO_MODELS, then in `../share/rnn-zoo/models` and `models`
 * beside the program, then in the user's data folder, and last in the checkout in which the library was built.
 *
 * Returns the model, which zoo_free releases. If the model cannot be opened, returns NULL and stores an error.
 *
 * Errors: a function that fails stores a JSON object in `*error`, if `error` is not NULL:
 * {"code": "bad_input", "field": "input", "message": "..."}. The message is one line. zoo_string_free releases the
 * text. A function that succeeds stores NULL. The codes:
 *
 * - "not_found": there is no such model
 * - "bad_package": a file of the package is missing or damaged, or its format is newer than the library
 * - "bad_input": an argument, the input or an option is not valid; "field" names it
 * - "internal": a fault of the library
 *
 * # Safety
 *
 * `model` is NULL or a string that ends with a zero byte. `error` is NULL or points to a `char *`.
 */
ZooModel *zoo_open(const char *model,
                   char **error);

/**
 * Predicts with a model. Any number of threads may call this function with the same model.
 *
 * `request` is a JSON object in UTF-8: {"input": X} for one input, or {"inputs": [X, ...]} for several, and optionally
 * "options": {...}. The README of the application describes inputs, options and outputs.
 *
 * Returns {"output": Y} or {"outputs": [Y, ...]}, with the outputs in the order of the inputs; zoo_string_free releases
 * the text. If the prediction fails, returns NULL and stores an error: see zoo_open.
 *
 * # Safety
 *
 * `model` is NULL or comes from `zoo_open` and is not yet freed. `request` is NULL or a string that ends with a zero
 * byte. `error` is NULL or points to a `char *`.
 */
char *zoo_predict_json(const ZooModel *model,
                       const char *request,
                       char **error);

/**
 * Starts an answer that comes piece by piece, such as a generated text. Any number of threads may call this function
 * with the same model.
 *
 * `request` is a JSON object in UTF-8: {"input": X}, and optionally "options": {...}.
 *
 * Returns the session, which zoo_session_free releases. The session stays valid when the model is released. If the
 * request is not valid, or if the model cannot answer piece by piece, returns NULL and stores an error: see zoo_open.
 *
 * # Safety
 *
 * `model` is NULL or comes from `zoo_open` and is not yet freed. `request` is NULL or a string that ends with a zero
 * byte. `error` is NULL or points to a `char *`.
 */
ZooSession *zoo_begin_json(const ZooModel *model,
                           const char *request,
                           char **error);

/**
 * Computes the next piece of an answer. One thread at a time may use a session.
 *
 * Returns the piece as JSON; zoo_string_free releases the text. Returns NULL and stores no error when the answer is
 * complete. If the computation fails, returns NULL and stores an error: see zoo_open.
 *
 * # Safety
 *
 * `session` is NULL or comes from `zoo_begin_json` and is not yet freed, and no other thread uses it. `error` is NULL or
 * points to a `char *`.
 */
char *zoo_next_json(ZooSession *session,
                    char **error);

/**
 * Releases a session. Does nothing for NULL.
 *
 * # Safety
 *
 * `session` is NULL or comes from `zoo_begin_json` and is not yet freed, and no thread uses it.
 */
void zoo_session_free(ZooSession *session);

/**
 * Releases a model. Does nothing for NULL.
 *
 * # Safety
 *
 * `model` is NULL or comes from `zoo_open` and is not yet freed, and no thread uses it.
 */
void zoo_free(ZooModel *model);

/**
 * Releases a text that a function of this library returned or stored. Does nothing for NULL.
 *
 * # Safety
 *
 * `text` is NULL or comes from this library and is not yet freed. `zoo_version` is an exception: its text is not freed.
 */
void zoo_string_free(char *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus
