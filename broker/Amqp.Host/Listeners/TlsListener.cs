using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using Amqp.Broker.Observability;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>
/// TLS on a port: shakes hands and hands the connection on, decrypted. Says why a handshake failed, which is what operators of TLS want
/// to know most.
/// </summary>
internal sealed partial class TlsListener(TlsCertificates certificates, int handshakeMs, MemoryPool<byte> pool, TimeProvider time, ILogger<TlsListener> logger)
{
    private readonly ILogger _logger = logger;
    private readonly LogThrottle _failed = new(time);

    public async Task Serve(ConnectionContext connection, ConnectionDelegate next)
    {
        var encrypted = connection.Transport;
        var socket = new PipeStream(encrypted);
        await using var stream = new SslStream(socket);
        if (!await ShakeHands(connection, socket, stream)) return;
        connection.Features.Set(stream);
        var decrypted = new Decrypted(
            PipeReader.Create(stream, new StreamPipeReaderOptions(pool, leaveOpen: true, useZeroByteReads: true)),
            PipeWriter.Create(stream, new StreamPipeWriterOptions(pool, leaveOpen: true)));
        connection.Transport = decrypted;
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = encrypted;
            await decrypted.Input.CompleteAsync();
            await decrypted.Output.CompleteAsync();
        }
    }

    private async Task<bool> ShakeHands(ConnectionContext connection, PipeStream socket, SslStream stream)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMilliseconds(handshakeMs), time);
        try
        {
            await stream.AuthenticateAsServerAsync(
                (_, hello, _, _) => ValueTask.FromResult(certificates.For(hello.ServerName)), state: null, deadline.Token);
            return true;
        }
#pragma warning disable CA1031 // Whatever an unauthenticated client's bytes lead to ends its connection, and is told.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            // A client that says nothing and leaves only looks whether the port is open; one closed by admission is told of there.
            var isTold = deadline.IsCancellationRequested || (socket.BytesRead > 0 && exception.GetBaseException() is not ConnectionAbortedException);
            if (isTold && _failed.IsDue(out var untold)) LogFailed(connection.RemoteEndPoint, Reason(exception, deadline.IsCancellationRequested).TrimEnd('.'), Advice(exception, socket), untold);
            connection.Abort();
            return false;
        }
    }

    private string Reason(Exception exception, bool isLate)
    {
        if (isLate) return $"it has not come to its end within {handshakeMs} ms";
        var innermost = exception.GetBaseException();
        return innermost == exception ? exception.Message : $"{exception.Message} {innermost.Message}";
    }

    private static string Advice(Exception exception, PipeStream socket)
    {
        if (socket.BytesRead > 0 && socket.BeginsWithAmqp) return "The client speaks AMQP without TLS: have it use TLS (amqps://), or connect to the port without";
        if (socket.BytesRead == 0) return "The client says nothing: something other than an AMQP client, or the network is slow (Listeners:Amqps:HandshakeMs)";
        var text = $"{exception.Message} {exception.GetBaseException().Message}";
        if (text.Contains("alert", StringComparison.OrdinalIgnoreCase))
            return "The client refuses: does it trust the authority of the certificate in Listeners:Amqps:Certificates, and is that for the name it connects to and not expired?";
        if (text.Contains("RemoteCertificateValidationCallback", StringComparison.Ordinal))
            return "The client's certificate is missing, expired, or not signed by an authority in Listeners:Amqps:ClientCaFile";
        return "Does the client speak TLS 1.2 or 1.3, and AMQP over it (amqps://)?";
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "TLS handshake with {Client} failed: {Reason}. {Advice} ({Untold} more since the last such line)")]
    private partial void LogFailed(System.Net.EndPoint? client, string reason, string advice, int untold);

    private sealed record Decrypted(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
