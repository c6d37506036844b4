using AMQP.Net;
using BenchmarkDotNet.Attributes;

namespace Amqp.Bench.Micro;

/// <summary>The headers of a message that is traced and routed. The broker validates them on arrival and looks for CC and BCC; it
/// decodes them for headers exchanges only, and encodes them when it has to change them.</summary>
public class CodecTables
{
    private const int Tables = 1024;

    private readonly byte[] _room = new byte[Wire.BlockBytes];
    private byte[] _bytes = [];
    private BasicProperties _properties;

    [GlobalSetup]
    public void Encode()
    {
        _bytes = Headers().Bytes.ToArray();
        _properties = new BasicProperties(new MutableProperties { Headers = Headers() }.Encode());
    }

    [Benchmark(OperationsPerInvoke = Tables)]
    public void Validate()
    {
        for (var left = Tables; left > 0; left--) FieldCodec.ValidateTable(_bytes);
    }

    [Benchmark(OperationsPerInvoke = Tables)]
    public int LookForCcAndBcc()
    {
        var found = 0;
        for (var left = Tables; left > 0; left--)
        {
            if (_properties.HasHeader("CC"u8) || _properties.HasHeader("BCC"u8)) found++;
        }
        return found;
    }

    [Benchmark(OperationsPerInvoke = Tables)]
    public int Decode()
    {
        var fields = 0;
        for (var left = Tables; left > 0; left--) fields += new FieldTable(_bytes).Count;
        return fields;
    }

    [Benchmark(OperationsPerInvoke = Tables)]
    public int EncodeAndWrite()
    {
        var written = 0;
        for (var left = Tables; left > 0; left--)
        {
            var writer = new WireWriter(_room);
            writer.WriteTable(Headers());
            written += writer.Length;
        }
        return written;
    }

    private static FieldTable Headers() => FieldTable.From(
        ("traceparent", FieldValue.From("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        ("tenant", FieldValue.From("north")),
        ("schema", FieldValue.From("order.created.v2")),
        ("attempt", FieldValue.From(1)),
        ("sent-at", FieldValue.Timestamp(1_760_000_000)),
        ("sampled", FieldValue.From(true)));
}
