//! The web page at `/`, on which people try the models. The files of the page are compiled into the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;

use crate::state::State;

/// Path, media type and content of a file of the page.
type File = (&'static str, &'static str, &'static str);

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! script {
    ($name:literal) => {
        (concat!("/", $name), JAVASCRIPT, include_str!(concat!("../../browser/page/", $name)))
    };
}

const FILES: [File; 12] = [
    ("/", "text/html; charset=utf-8", include_str!("../../browser/page/index.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("../../browser/page/style.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../../browser/page/icon.svg")),
    // Here the module `client.js` sends requests to this server. In the browser build, `client.js` calls WebAssembly
    // instead.
    ("/client.js", JAVASCRIPT, include_str!("../../browser/page/client-http.js")),
    script!("app.js"),
    script!("chart.js"),
    script!("forecasting.js"),
    script!("language-model.js"),
    script!("recognition.js"),
    script!("sentiment.js"),
    script!("table.js"),
    script!("tagging.js"),
];

/// Returns the routes of the files of the page.
pub(crate) fn router() -> Router<Arc<State>> {
    FILES.into_iter().fold(Router::new(), |router, (path, media_type, content)| {
        router.route(path, get(move || async move { ([(header::CONTENT_TYPE, media_type)], content) }))
    })
}
