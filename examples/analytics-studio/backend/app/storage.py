"""Where uploaded files live: the uploads bucket, or a folder beside the code while developing."""

from datetime import timedelta

from obstore.store import LocalStore, ObjectStore, S3Store

from app.settings import Settings


def store_for(settings: Settings) -> ObjectStore | None:
    if settings.aws_s3_bucket is not None:
        # Credentials and AWS_ENDPOINT_URL come from the environment, as for every AWS client. Plain HTTP is only
        # ever spoken to an endpoint that was named with it, such as a local emulator.
        return S3Store(
            settings.aws_s3_bucket,
            region=settings.aws_region,
            client_options={
                "allow_http": True,
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=60),
                "default_content_type": "text/csv",
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        )
    if settings.is_development:
        return LocalStore("uploads", mkdir=True)
    return None
