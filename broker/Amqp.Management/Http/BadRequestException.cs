namespace Amqp.Management.Http;

/// <summary>A request is not what the endpoint takes; answered with 400.</summary>
/// <param name="reason">What is wrong, for people.</param>
/// <param name="error">RabbitMQ's word for the kind of mistake.</param>
internal sealed class BadRequestException(string reason, string error = BadRequestException.Usual) : Exception(reason)
{
    public const string Usual = "bad_request";

    public string Error => error;
}
