using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace AMQP.Net;

public enum ContentState
{
    /// <summary>More frames must follow.</summary>
    Incomplete,

    /// <summary>All is there: <see cref="ContentAssembler.Take"/> it.</summary>
    Complete,

    /// <summary>The header announced more than the channel takes; the bodies are passed over. See <see cref="ContentAssembler.BodySize"/>.</summary>
    TooLarge,
}

/// <summary>
/// Puts the contents of one channel together (specification 2.3.5.2): a method that carries content, its header, its bodies.
/// <code>
///            content method            size > 0               all bodies there
///   Method -----------------> Header -------------> Body -------------------------> Method
///                                \______________________size 0____________________/
/// </code>
/// A message costs one array, or several if it is large. A body that is announced and never sent costs no more than <see cref="Content.PieceBytes"/>.
/// Its errors are those of RabbitMQ, all of them the connection's end; a channel that is closed afterwards starts anew with a
/// new assembler.
/// </summary>
/// <param name="bodySizeMax">The largest body it takes, bytes.</param>
public sealed class ContentAssembler(int bodySizeMax)
{
    /// <summary>A header frame's payload before the property flags: class id, weight, body size.</summary>
    internal const int HeaderSize = 12;

    private Expected _expected;
    private MethodId _method;
    private byte[] _buffer = [];
    private LargeBody? _large;
    private int _propertiesLength;
    private int _filled;
    private ulong _bodyLeft;
    private bool _tooLarge;

    private enum Expected
    {
        Method,
        Header,
        Body,
        Taking,
    }

    /// <summary>The body size the last header announced, bytes.</summary>
    public ulong BodySize { get; private set; }

    /// <summary>To be called for every method frame of the channel: no method may come between a content's frames.</summary>
    /// <exception cref="ProtocolException">505: the content before it is not complete.</exception>
    public void ExpectMethod()
    {
        if (_expected is Expected.Header or Expected.Body) ThrowUnexpected();
    }

    /// <summary>A method that carries content has come; its header is next.</summary>
    /// <exception cref="ProtocolException">505: the content before it is not complete.</exception>
    public void Begin(MethodId method)
    {
        ExpectMethod();
        if (!method.HasContent()) throw new ArgumentException($"{method.Name()} carries no content", nameof(method));
        _method = method;
        _expected = Expected.Header;
    }

    /// <summary>Takes the payload of a header frame.</summary>
    /// <exception cref="ProtocolException">505: no header of this class is due; 502: its properties are malformed.</exception>
    public ContentState AddHeader(ReadOnlySpan<byte> payload)
    {
        if (_expected != Expected.Header) ThrowUnexpected();
        var classId = BinaryPrimitives.ReadUInt16BigEndian(payload);
        var weight = BinaryPrimitives.ReadUInt16BigEndian(payload[2..]);
        if (weight != 0) ThrowUnexpected();
        if (classId != _method.ClassId()) ThrowWrongClass(classId);
        var properties = payload[HeaderSize..];
        BasicProperties.Validate(properties);

        BodySize = _bodyLeft = BinaryPrimitives.ReadUInt64BigEndian(payload[4..]);
        _tooLarge = BodySize > (ulong)bodySizeMax;
        if (!_tooLarge)
        {
            _large = BodySize > Content.PieceBytes ? new LargeBody((int)BodySize) : null;
            _buffer = GC.AllocateUninitializedArray<byte>(properties.Length + (_large is null ? (int)BodySize : 0));
            properties.CopyTo(_buffer);
            _propertiesLength = _filled = properties.Length;
        }
        return Advance();
    }

    /// <summary>Takes a body frame.</summary>
    /// <exception cref="ProtocolException">505: no body is due, or not so much of it.</exception>
    public ContentState AddBody(in Frame frame)
    {
        if (_expected == Expected.Body && (ulong)frame.Size > _bodyLeft) ThrowTooMuchBody();
        var state = AddBody(frame.Payload);
        foreach (var piece in frame.More)
        {
            // A sequence may end with an empty piece, and nothing may come behind the last byte.
            if (!piece.IsEmpty) state = AddBody(piece.Span);
        }
        return state;
    }

    /// <summary>Takes the payload of a body frame, or a piece of it.</summary>
    /// <exception cref="ProtocolException">505: no body is due, or not so much of it.</exception>
    public ContentState AddBody(ReadOnlySpan<byte> payload)
    {
        if (_expected != Expected.Body) ThrowUnexpected();
        if ((ulong)payload.Length > _bodyLeft) ThrowTooMuchBody();
        if (_large is not null) _large.Append(payload);
        else if (!_tooLarge)
        {
            payload.CopyTo(_buffer.AsSpan(_filled));
            _filled += payload.Length;
        }
        _bodyLeft -= (ulong)payload.Length;
        return Advance();
    }

    /// <summary>The complete content; the assembler is ready for the next method.</summary>
    public Content Take()
    {
        if (_expected != Expected.Taking) throw new InvalidOperationException("the content is not complete");
        var content = _large is null ? new Content(_buffer, _propertiesLength) : new Content(_buffer, _large);
        _expected = Expected.Method;
        _buffer = [];
        _large = null;
        return content;
    }

    private ContentState Advance()
    {
        if (_bodyLeft > 0) _expected = Expected.Body;
        else _expected = _tooLarge ? Expected.Method : Expected.Taking;
        if (_tooLarge) return ContentState.TooLarge;
        return _bodyLeft > 0 ? ContentState.Incomplete : ContentState.Complete;
    }

    [DoesNotReturn]
    private void ThrowUnexpected() => throw (_expected switch
    {
        Expected.Header => Error($"expected content header for class {_method.ClassId()}, got non content header frame instead", _method),
        Expected.Body => Error("expected content body, got non content body frame instead", _method),
        _ => Error("expected method frame, got non method frame instead", default),
    });

    [DoesNotReturn]
    private void ThrowWrongClass(ushort classId) =>
        throw Error($"expected content header for class {_method.ClassId()}, got one for class {classId} instead", _method);

    /// <summary>RabbitMQ waits for bodies without end in this case, until a frame of another type comes.</summary>
    [DoesNotReturn]
    private void ThrowTooMuchBody() => throw Error($"content body exceeds the {BodySize} bytes that its header announced", _method);

    private static ProtocolException Error(string text, MethodId method) => new(ReplyCode.UnexpectedFrame, text, method);
}
