/* Asks a model from C: predict MODEL REQUEST
 *
 *   cargo build --release -p zoo-c
 *   cc -Ideploy/c/include deploy/c/examples/predict.c -Ltarget/release -lrnn_zoo -Wl,-rpath,target/release -o predict
 *   ./predict imdb-lstm '{"input": "Wonderfully acted."}'
 *
 * With a third argument, prints the answer piece by piece. */
#include <stdio.h>

#include "rnn_zoo.h"

/* Prints the error and releases it. */
static int failed(char *error) {
    fprintf(stderr, "%s\n", error);
    zoo_string_free(error);
    return 1;
}

static int predict(const ZooModel *model, const char *request) {
    char *error = NULL;
    char *answer = zoo_predict_json(model, request, &error);
    if (answer == NULL) return failed(error);
    puts(answer);
    zoo_string_free(answer);
    return 0;
}

static int stream(const ZooModel *model, const char *request) {
    char *error = NULL, *piece;
    ZooSession *session = zoo_begin_json(model, request, &error);
    if (session == NULL) return failed(error);
    while ((piece = zoo_next_json(session, &error)) != NULL) {
        puts(piece);
        zoo_string_free(piece);
    }
    zoo_session_free(session);
    return error == NULL ? 0 : failed(error);
}

int main(int count, char **arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: predict MODEL REQUEST [stream]\n");
        return 2;
    }
    char *error = NULL;
    ZooModel *model = zoo_open(arguments[1], &error);
    if (model == NULL) return failed(error);
    int code = count > 3 ? stream(model, arguments[2]) : predict(model, arguments[2]);
    zoo_free(model);
    return code;
}
