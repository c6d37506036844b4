using System.Buffers;
using System.IO.Pipelines;

namespace Amqp.Host.Listeners;

/// <summary>A connection's pipe as the stream that <see cref="System.Net.Security.SslStream"/> wants; only what that one uses.</summary>
internal sealed class PipeStream(IDuplexPipe pipe) : Stream
{
    private static readonly byte[] Amqp = "AMQP"u8.ToArray();

    /// <summary>What the client has sent, bytes.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Its first bytes, as far as there are any, are AMQP's, where TLS was expected.</summary>
    public bool BeginsWithAmqp { get; private set; } = true;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>With no room to read into it waits until there is something to read.</summary>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var result = await pipe.Input.ReadAsync(cancellationToken);
            var (hasSome, count) = (!result.Buffer.IsEmpty, (int)Math.Min(result.Buffer.Length, buffer.Length));
            var taken = result.Buffer.Slice(0, count);
            taken.CopyTo(buffer.Span);
            pipe.Input.AdvanceTo(taken.End); // from here on the sequence is the pipe's again
            Look(buffer.Span[..count]);
            if (hasSome) return count;
            if (result.IsCompleted) return 0;
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        await pipe.Output.WriteAsync(buffer, cancellationToken);

    public override async Task FlushAsync(CancellationToken cancellationToken) => await pipe.Output.FlushAsync(cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
        // What was written was flushed.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void Look(ReadOnlySpan<byte> bytes)
    {
        for (var index = 0; index < bytes.Length && BytesRead + index < Amqp.Length; index++)
            BeginsWithAmqp &= bytes[index] == Amqp[BytesRead + index];
        BytesRead += bytes.Length;
    }
}
