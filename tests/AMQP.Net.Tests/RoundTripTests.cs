using System.Buffers;
using FsCheck;
using FsCheck.Fluent;

namespace AMQP.Net.Tests;

/// <summary>What is written is read again, for random tables, properties and contents.</summary>
internal sealed class RoundTripTests
{
    private static readonly Config Seeded = Config.QuickThrowOnFailure.WithMaxTest(500).WithReplay(20261121UL, 7UL);

    private static readonly Gen<byte[]> Octets = Gen.ArrayOf(Gen.Choose(0, 255).Select(value => (byte)value));
    private static readonly Gen<string> Text = Gen.Elements("", "a", "key", "größe", "日本", new string('x', 255), "a.b.c");
    private static readonly Gen<long> Number = Gen.Two(Gen.Choose(int.MinValue, int.MaxValue)).Select(two => ((long)two.Item1 << 32) ^ two.Item2);

    private static readonly Gen<FieldTable> Table = Gen.Sized(size => Tables(Math.Min(size, 20)));

    [Test]
    public void A_table_is_read_as_it_was_written() =>
        Prop.ForAll(Table.ToArbitrary(), table =>
        {
            FieldCodec.ValidateTable(table.Bytes.Span);
            var read = new FieldTable(table.Bytes);
            Assert.That(read.AsEnumerable(), Is.EqualTo(table.AsEnumerable()));
            Assert.That(FieldTable.From(read.AsEnumerable()).Bytes.ToArray(), Is.EqualTo(table.Bytes.ToArray()));
        }).Check(Seeded);

    [Test]
    public void A_table_is_carried_by_a_method() =>
        Prop.ForAll(Table.ToArbitrary(), table =>
        {
            var reader = new FrameReader(1 << 24);
            reader.Feed(new(Bytes.Written(output => FrameWriter.WriteMethod(output, 1, new QueueBind("q", "x", "k", true, table)))));
            Assert.That(reader.TryRead(out var frame), Is.True);
            Assert.That(MethodReader.Read<QueueBind>(frame).Arguments, Is.EqualTo(table));
        }).Check(Seeded);

    [Test]
    public void Properties_are_read_as_they_were_set() =>
        Prop.ForAll(Properties.ToArbitrary(), set =>
        {
            var bytes = set.Encode();
            BasicProperties.Validate(bytes);
            var read = new BasicProperties(bytes);
            Assert.That(Values(read), Is.EqualTo(Values(set)));
            Assert.That(MutableProperties.From(read).Encode(), Is.EqualTo(bytes));
        }).Check(Seeded);

    [Test]
    public void A_content_cut_by_any_limit_is_put_together_again() =>
        Prop.ForAll(Properties.ToArbitrary(), Octets.ToArbitrary(), Gen.Two(Gen.Choose(9, 60)).ToArbitrary(), (properties, body, limits) =>
        {
            var (frameMax, segment) = limits;
            var bytes = Bytes.Written(output => FrameWriter.WriteContent(output, 1, properties.Encode(), body, frameMax));
            var reader = new FrameReader(1 << 20);
            reader.Feed(Bytes.Sequence(Bytes.Cut(bytes, segment)));
            var assembler = new ContentAssembler(bodySizeMax: body.Length);
            assembler.Begin(MethodId.BasicPublish);
            var state = ContentState.Incomplete;
            while (reader.TryRead(out var frame))
            {
                Assert.That(state, Is.EqualTo(ContentState.Incomplete));
                state = frame.Type == FrameType.Header ? assembler.AddHeader(frame.Payload) : assembler.AddBody(frame);
            }
            Assert.That(state, Is.EqualTo(ContentState.Complete));
            var content = assembler.Take();
            Assert.That(content.Properties.Bytes.ToArray(), Is.EqualTo(properties.Encode()));
            Assert.That(content.Body.ToArray(), Is.EqualTo(body));
        }).Check(Seeded);

    private static Gen<FieldTable> Tables(int size) =>
        from names in Gen.ArrayOf(Text, size % 7)
        from values in Gen.ArrayOf(Value(size / 2), names.Length)
        select FieldTable.From(names.Zip(values).ToArray());

    private static Gen<FieldValue> Value(int size)
    {
        Gen<FieldValue>[] leaves =
        [
            Gen.Constant(FieldValue.Void),
            Number.Select(number => FieldValue.From(number > 0)),
            Number.Select(number => FieldValue.From((sbyte)number)),
            Number.Select(number => FieldValue.From((byte)number)),
            Number.Select(number => FieldValue.From((short)number)),
            Number.Select(number => FieldValue.From((ushort)number)),
            Number.Select(number => FieldValue.From((int)number)),
            Number.Select(number => FieldValue.From((uint)number)),
            Number.Select(FieldValue.From),
            Number.Select(number => FieldValue.From(BitConverter.Int32BitsToSingle((int)number))),
            Number.Select(number => FieldValue.From(BitConverter.Int64BitsToDouble(number))),
            Number.Select(number => FieldValue.Decimal((byte)(number >> 40), (uint)number)),
            Number.Select(number => FieldValue.Timestamp((ulong)number)),
            Text.Select(FieldValue.From),
            Octets.Select(FieldValue.Binary),
            Octets.Select(FieldValue.LongString),
        ];
        return size == 0 ? Gen.OneOf(leaves) : Gen.OneOf(
        [
            .. leaves, Tables(size - 1).Select(FieldValue.From), Gen.ArrayOf(Value(size / 2), size % 4).Select(FieldValue.From),
        ]);
    }

    private static Gen<MutableProperties> Properties =>
        from flags in Gen.Choose(0, 0x3FFF)
        from text in Text
        from octets in Gen.Two(Gen.Choose(0, 255))
        from number in Number
        from table in Table
        select new MutableProperties
        {
            ContentType = (flags & 1) != 0 ? text : null,
            ContentEncoding = (flags & 2) != 0 ? text : null,
            Headers = (flags & 4) != 0 ? table : null,
            DeliveryMode = (flags & 8) != 0 ? (byte)octets.Item1 : null,
            Priority = (flags & 16) != 0 ? (byte)octets.Item2 : null,
            CorrelationId = (flags & 32) != 0 ? text : null,
            ReplyTo = (flags & 64) != 0 ? text : null,
            Expiration = (flags & 128) != 0 ? text : null,
            MessageId = (flags & 256) != 0 ? text : null,
            Timestamp = (flags & 512) != 0 ? (ulong)number : null,
            Type = (flags & 1024) != 0 ? text : null,
            UserId = (flags & 2048) != 0 ? text : null,
            AppId = (flags & 4096) != 0 ? text : null,
            ClusterId = (flags & 8192) != 0 ? text : null,
        };

    private static object?[] Values(BasicProperties from) =>
    [
        from.ContentType, from.ContentEncoding, from.Headers, from.DeliveryMode, from.Priority, from.CorrelationId, from.ReplyTo,
        from.Expiration, from.MessageId, from.Timestamp, from.Type, from.UserId, from.AppId, from.ClusterId,
    ];

    private static object?[] Values(MutableProperties from) =>
    [
        from.ContentType, from.ContentEncoding, from.Headers, from.DeliveryMode, from.Priority, from.CorrelationId, from.ReplyTo,
        from.Expiration, from.MessageId, from.Timestamp, from.Type, from.UserId, from.AppId, from.ClusterId,
    ];
}
