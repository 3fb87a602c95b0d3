//! HTTP/1.1 and HTTP/2 with prior knowledge, on a connection that exists.
//!
//! In: a byte stream and a function from path to answer. It must not know where the stream comes from.

use std::convert::Infallible;

use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::TaskTracker;

/// Answers every request of the connection `stream` until the client closes it. The streams of HTTP/2 end with it.
pub async fn serve_web<S>(stream: S, answer: impl Fn(&str) -> Response<String>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tasks = TaskTracker::new();
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let response = answer(request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let server = auto::Builder::new(Streams(tasks.clone()));
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        // A client that goes away, or talks nonsense, is its own affair.
        tracing::debug!(error = %error, "connection ended");
    }
    tasks.close();
    tasks.wait().await;
}

/// Where the tasks of HTTP/2 streams run: counted, so that the connection waits for them.
#[derive(Clone)]
struct Streams(TaskTracker);

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}
