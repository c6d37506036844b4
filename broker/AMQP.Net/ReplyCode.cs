namespace AMQP.Net;

/// <summary>
/// Reply codes of AMQP 0-9-1 (specification 1.2 "Class and method ids", constants). A soft error closes its channel
/// (channel.close), a hard one the whole connection (connection.close).
/// </summary>
public enum ReplyCode : ushort
{
    Success = 200,
    ContentTooLarge = 311,
    NoRoute = 312,
    NoConsumers = 313,
    ConnectionForced = 320,
    InvalidPath = 402,
    AccessRefused = 403,
    NotFound = 404,
    ResourceLocked = 405,
    PreconditionFailed = 406,
    FrameError = 501,
    SyntaxError = 502,
    CommandInvalid = 503,
    ChannelError = 504,
    UnexpectedFrame = 505,
    ResourceError = 506,
    NotAllowed = 530,
    NotImplemented = 540,
    InternalError = 541,
}

public static class ReplyCodes
{
    /// <summary>True for the codes that close the connection, false for those that close only the channel.</summary>
    public static bool IsHard(this ReplyCode code) => code switch
    {
        ReplyCode.ContentTooLarge or ReplyCode.NoRoute or ReplyCode.NoConsumers or ReplyCode.AccessRefused
            or ReplyCode.NotFound or ReplyCode.ResourceLocked or ReplyCode.PreconditionFailed => false,
        _ => true,
    };

    /// <summary>The name as it stands at the head of reply texts: <c>NOT_FOUND</c>.</summary>
    public static string Name(this ReplyCode code) => code switch
    {
        ReplyCode.Success => "SUCCESS",
        ReplyCode.ContentTooLarge => "CONTENT_TOO_LARGE",
        ReplyCode.NoRoute => "NO_ROUTE",
        ReplyCode.NoConsumers => "NO_CONSUMERS",
        ReplyCode.ConnectionForced => "CONNECTION_FORCED",
        ReplyCode.InvalidPath => "INVALID_PATH",
        ReplyCode.AccessRefused => "ACCESS_REFUSED",
        ReplyCode.NotFound => "NOT_FOUND",
        ReplyCode.ResourceLocked => "RESOURCE_LOCKED",
        ReplyCode.PreconditionFailed => "PRECONDITION_FAILED",
        ReplyCode.FrameError => "FRAME_ERROR",
        ReplyCode.SyntaxError => "SYNTAX_ERROR",
        ReplyCode.CommandInvalid => "COMMAND_INVALID",
        ReplyCode.ChannelError => "CHANNEL_ERROR",
        ReplyCode.UnexpectedFrame => "UNEXPECTED_FRAME",
        ReplyCode.ResourceError => "RESOURCE_ERROR",
        ReplyCode.NotAllowed => "NOT_ALLOWED",
        ReplyCode.NotImplemented => "NOT_IMPLEMENTED",
        ReplyCode.InternalError => "INTERNAL_ERROR",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, message: null),
    };
}
