//! The fastest possible axum server: a fixed body of the size of a prediction.

use axum::Router;
use axum::http::header;
use axum::routing::get;

const BODY: &str = r#"{"Weight":4.5104912356386615,"ModelTime":"2026-11-23 23:53:01","ModelVersion":"1a1fdeeaa59a","Lower95":4.299280752192936,"Upper95":4.721701719084387,"UnseenSpecies":false}"#;

/// Prints its address and serves until it is killed.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer = || async { ([(header::CONTENT_TYPE, "application/json")], BODY) };
        let router = Router::new().route("/prediction", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        axum::serve(listener, router).await.unwrap();
    });
}
