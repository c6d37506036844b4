using System.Diagnostics;

namespace AMQP.Net.Tests;

/// <summary>Whatever bytes come, the outcome is a value or a <see cref="ProtocolException"/>.</summary>
internal sealed class MutationTests
{
    private const int Seed = 20261121;
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(5);

    /// <summary>Methods and contents, each as it stands on the wire.</summary>
    private static readonly byte[][] Inputs =
    [
        .. GoldenMethods.All.Select(golden => golden.Frame),
        [
            .. Bytes.Frame(FrameType.Method, 1, Bytes.Of("003C 0028 0000 01'x' 03'a.b' 01")),
            .. Bytes.Frame(FrameType.Header, 1, ContentAssemblerTests.Header(5, "F800 02'ct' 02'ce' 0000000F 01'k' 'F' 00000008 01'a' 'A' 00000001 'V' 02 03")),
            .. Bytes.Frame(FrameType.Body, 1, Bytes.Of("'hello'")),
        ],
        Bytes.Frame(FrameType.Method, 1, [.. Bytes.Of("0032 000A 0000 02'q1' 01"), .. Bytes.BigEndian(77), .. FieldTableTests.Nested('F', 12)]),
        Bytes.Frame(FrameType.Heartbeat, 0, []),
    ];

    private static readonly Dictionary<MethodId, ReadMethod> Readers =
        GoldenMethods.All.DistinctBy(golden => golden.Id).ToDictionary(golden => golden.Id, golden => golden.Read);

    [Test]
    public void The_inputs_are_accepted_as_they_are()
    {
        foreach (var input in Inputs) Assert.That(() => Receive(input), Throws.Nothing, Convert.ToHexString(input));
    }

    [Test]
    public void Mutated_bytes_are_accepted_or_refused_and_never_fail_otherwise()
    {
        var random = new Random(Seed);
        var (rounds, refused) = (0, 0);
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < Time && rounds < 500_000; rounds++)
        {
            var input = Mutate(Inputs[random.Next(Inputs.Length)], random);
            try
            {
                Receive(input);
            }
            catch (ProtocolException)
            {
                refused++;
            }
            catch (Exception unexpected)
            {
                Assert.Fail($"{unexpected} for {Convert.ToHexString(input)}, seed {Seed}, round {rounds}");
            }
        }
        TestContext.Out.WriteLine($"{refused} of {rounds} refused");
        Assert.That(refused, Is.InRange(rounds / 10, rounds - (rounds / 10)));
    }

    [Test]
    public void Random_bytes_are_refused_or_incomplete_and_never_fail_otherwise()
    {
        var random = new Random(Seed);
        for (var round = 0; round < 20_000; round++)
        {
            var input = new byte[random.Next(64)];
            random.NextBytes(input);
            try
            {
                Receive(input);
                FieldCodec.ValidateTable(input);
                Assert.That(new FieldTable(input).Count, Is.GreaterThanOrEqualTo(0));
            }
            catch (ProtocolException)
            {
                // Refused.
            }
        }
    }

    private static byte[] Mutate(byte[] input, Random random)
    {
        var bytes = input.ToList();
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes[at] = random.Next(2) == 0 ? (byte)0xFF : (byte)0; break;
                case 3: bytes.Insert(at, (byte)random.Next(256)); break;
                case 4 when bytes.Count > 1: bytes.RemoveAt(at); break;
                default: bytes[at] = bytes[random.Next(bytes.Count)]; break;
            }
        }
        // Half of the time the frame is made good again, so that the change reaches what lies behind it.
        if (random.Next(2) == 0 && bytes.Count is > Frame.EmptySize and < 300)
        {
            bytes[3] = bytes[4] = bytes[5] = 0;
            bytes[6] = (byte)Math.Min(bytes[6], bytes.Count - Frame.EmptySize);
            bytes[Frame.HeaderSize + bytes[6]] = Frame.End;
        }
        return bytes.ToArray();
    }

    /// <summary>What a connection does with its input, and looking at all of it.</summary>
    private static void Receive(byte[] input)
    {
        var reader = new FrameReader(Frame.MinSize);
        var assembler = new ContentAssembler(bodySizeMax: 1 << 16);
        var strings = new ShortStringPool();
        reader.Feed(Bytes.Sequence(input[..(input.Length / 2)], input[(input.Length / 2)..]));
        while (reader.TryRead(out var frame))
        {
            var state = ContentState.Incomplete;
            switch (frame.Type)
            {
                case FrameType.Method:
                    assembler.ExpectMethod();
                    if (!frame.MethodId.IsKnown()) throw frame.Unexpected();
                    Look(Readers[frame.MethodId](frame));
                    if (frame.MethodId == MethodId.BasicPublish)
                    {
                        MethodReader.Read<BasicPublish>(frame, strings);
                        assembler.Begin(frame.MethodId);
                    }
                    break;
                case FrameType.Header: state = assembler.AddHeader(frame.Payload); break;
                case FrameType.Body: state = assembler.AddBody(frame); break;
            }
            if (state == ContentState.Complete) Look(assembler.Take());
        }
    }

    private static void Look(object method)
    {
        foreach (var table in method.GetType().GetProperties().Where(property => property.PropertyType == typeof(FieldTable)))
            Look((FieldTable)table.GetValue(method)!);
    }

    private static void Look(Content content)
    {
        var changed = MutableProperties.From(content.Properties);
        if (changed.Headers is { } headers) Look(headers);
        changed.Priority = 1;
        BasicProperties.Validate(changed.Encode());
    }

    private static void Look(FieldTable table)
    {
        FieldCodec.ValidateTable(table.With("k", FieldValue.Void).Bytes.Span);
        FieldCodec.ValidateTable(table.Without("k").Bytes.Span);
        Assert.That(table.ToString(), Is.Not.Null);
        Assert.That(new FieldTable(table.Bytes), Is.EqualTo(table));
    }
}
