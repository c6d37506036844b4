namespace AMQP.Net.Tests;

internal sealed class FieldTableTests
{
    private static readonly TestCaseData[] Types =
    [
        Golden("bool", FieldValue.From(true), "'t' 01"),
        Golden("byte", FieldValue.From((sbyte)-2), "'b' FE"),
        Golden("unsignedbyte", FieldValue.From((byte)254), "'B' FE"),
        Golden("short", FieldValue.From((short)-2), "'s' FFFE"),
        Golden("unsignedshort", FieldValue.From((ushort)65534), "'u' FFFE"),
        Golden("signedint", FieldValue.From(-2), "'I' FFFFFFFE"),
        Golden("unsignedint", FieldValue.From(4294967294u), "'i' FFFFFFFE"),
        Golden("long", FieldValue.From(-2L), "'l' FFFFFFFFFFFFFFFE"),
        Golden("float", FieldValue.From(1.5f), "'f' 3FC00000"),
        Golden("double", FieldValue.From(1.5), "'d' 3FF8000000000000"),
        Golden("decimal", FieldValue.Decimal(2, 12345), "'D' 02 00003039"),
        Golden("longstr", FieldValue.From("text"), "'S' 00000004'text'"),
        Golden("binary", FieldValue.Binary([1, 2]), "'x' 00000002 0102"),
        Golden("timestamp", FieldValue.Timestamp(1), "'T' 0000000000000001"),
        Golden("table", FieldValue.From(FieldTable.From(("a", FieldValue.Void))), "'F' 00000003 01'a' 'V'"),
        Golden("array", FieldValue.From([FieldValue.From(1), FieldValue.From([FieldValue.Void])]), "'A' 0000000B 'I' 00000001 'A' 00000001 'V'"),
        Golden("void", FieldValue.Void, "'V'"),
    ];

    [Test]
    public void Every_type_has_golden_bytes() =>
        Assert.That(Types.Select(golden => ((FieldValue)golden.Arguments[0]!).Type), Is.EquivalentTo(Enum.GetValues<FieldType>()));

    [TestCaseSource(nameof(Types))]
    public void Each_type_has_RabbitMQs_letter_and_bytes(FieldValue value, string bytes, string name)
    {
        var table = FieldTable.From(("k", value));
        Assert.That(table.Bytes.ToArray(), Is.EqualTo(Bytes.Of("01'k'" + bytes)));
        Assert.That(value.Type.Name(), Is.EqualTo(name));
        var read = Read(table.Bytes.ToArray());
        Assert.That(read.TryGet("k", out var found), Is.True);
        Assert.That(found, Is.EqualTo(value));
        Assert.That(found.GetHashCode(), Is.EqualTo(value.GetHashCode()));
        Assert.That(read.Contains("k"u8), Is.True);
    }

    [Test]
    public void A_long_may_also_come_as_L()
    {
        var table = Read(Bytes.Of("01'k' 'L' FFFFFFFFFFFFFFFE"));
        Assert.That(table.TryGet("k", out var value), Is.True);
        Assert.That(value, Is.EqualTo(FieldValue.From(-2L)));
    }

    [Test]
    public void Integers_of_all_widths_can_be_compared()
    {
        FieldValue[] sevens =
        [
            FieldValue.From((sbyte)7), FieldValue.From((byte)7), FieldValue.From((short)7), FieldValue.From((ushort)7),
            FieldValue.From(7), FieldValue.From(7u), FieldValue.From(7L),
        ];
        foreach (var seven in sevens) Assert.That(seven.TryGetInteger(out var value) ? value : 0, Is.EqualTo(7));
        Assert.That(sevens[0], Is.Not.EqualTo(sevens[4]));
        Assert.That(FieldValue.Timestamp(7).TryGetInteger(out _), Is.False);
    }

    [Test]
    public void A_field_is_set_in_its_place_and_taken_away()
    {
        var table = FieldTable.From(("a", FieldValue.From(1)), ("b", FieldValue.From(2)), ("c", FieldValue.From(3)));
        Assert.That(table.With("b", FieldValue.From("x")).ToString(), Is.EqualTo("[a: 1, b: x, c: 3]"));
        Assert.That(table.With("d", FieldValue.Void).ToString(), Is.EqualTo("[a: 1, b: 2, c: 3, d: undefined]"));
        Assert.That(table.Without("a").ToString(), Is.EqualTo("[b: 2, c: 3]"));
        Assert.That(table.Without("z"), Is.SameAs(table));
    }

    [Test]
    public void A_field_that_comes_twice_is_set_once_and_taken_away_twice()
    {
        var table = FieldTable.From(("a", FieldValue.From(1)), ("b", FieldValue.From(2)), ("a", FieldValue.From(3)));
        Assert.That(table.With("a", FieldValue.From(9)).ToString(), Is.EqualTo("[a: 9, b: 2]"));
        Assert.That(table.Without("a").ToString(), Is.EqualTo("[b: 2]"));
    }

    [Test]
    public void Tables_are_equal_in_any_order()
    {
        var one = FieldTable.From(("a", FieldValue.From(1)), ("b", FieldValue.From("x")));
        var other = FieldTable.From(("b", FieldValue.From("x")), ("a", FieldValue.From(1)));
        Assert.That(one, Is.EqualTo(other));
        Assert.That(one.GetHashCode(), Is.EqualTo(other.GetHashCode()));
        Assert.That(one, Is.Not.EqualTo(one.Without("a")));
    }

    [Test]
    public void Names_that_are_not_UTF8_are_kept_as_they_came()
    {
        byte[] bytes = [.. new byte[] { 255 }, .. Enumerable.Repeat((byte)0xFF, 255), (byte)'V'];
        var table = Read(bytes);
        Assert.That(table.Single().Key, Has.Length.EqualTo(255).And.All.EqualTo('\uDCFF'));
        var extended = table.With("x", FieldValue.Void).Without("y");
        Assert.That(extended.Bytes.ToArray(), Is.EqualTo([.. bytes, .. Bytes.Of("01'x' 'V'")]));
    }

    [Test]
    public void Names_that_are_not_UTF8_are_told_apart()
    {
        var table = Read(Bytes.Of("01E8 'V' 01E9 'I' 00000001"));
        Assert.That(table.TryGet("\uDCE9", out var value) && value == FieldValue.From(1), Is.True);
        Assert.That(table.Contains("\uFFFD"), Is.False);
        Assert.That(Read(Bytes.Of("01E8 'V'")), Is.Not.EqualTo(Read(Bytes.Of("01E9 'V'"))));
        Assert.That(table.Without("\uDCE9").With("\uDCE8", FieldValue.From(true)).Bytes.ToArray(), Is.EqualTo(Bytes.Of("01E8 't' 01")));
        Assert.That(FieldTable.From(table.AsEnumerable()).Bytes.ToArray(), Is.EqualTo(table.Bytes.ToArray()));
    }

    [TestCase("00", TestName = "A name without a type")]
    [TestCase("05'ab'", TestName = "A name cut short")]
    [TestCase("01'k' 'Z'", TestName = "An unknown type")]
    [TestCase("01'k' 'I' 000000", TestName = "An integer cut short")]
    [TestCase("01'k' 'S' 00000005'abcd'", TestName = "A string cut short")]
    [TestCase("01'k' 'S' 80000000", TestName = "A string of two gigabytes")]
    [TestCase("01'k' 'x' FFFFFFFF", TestName = "A binary of four gigabytes")]
    [TestCase("01'k' 'F' 00000004 01'a' 'V'", TestName = "A table cut short")]
    [TestCase("01'k' 'F' 00000002 01'a' 'V'", TestName = "A table that ends within a field")]
    [TestCase("01'k' 'A' 00000001 'I' 00000001", TestName = "An array that ends within a value")]
    [TestCase("01'k' 'A' 00000001 'Z'", TestName = "An unknown type in an array")]
    public void Malformed_tables_are_refused(string bytes)
    {
        var failure = Assert.Throws<ProtocolException>(() => FieldCodec.ValidateTable(Bytes.Of(bytes)));
        Assert.That(failure.Code, Is.EqualTo(ReplyCode.SyntaxError));
    }

    [TestCase('F')]
    [TestCase('A')]
    public void Nesting_is_allowed_64_deep_and_no_more(char type)
    {
        Assert.That(() => FieldCodec.ValidateTable(Nested(type, FieldCodec.NestingMax)), Throws.Nothing);
        Assert.That(() => FieldCodec.ValidateTable(Nested(type, FieldCodec.NestingMax + 1)), Throws.TypeOf<ProtocolException>());
        Assert.That(() => FieldCodec.ValidateTable(Nested(type, 10_000)), Throws.TypeOf<ProtocolException>());
    }

    [Test, CancelAfter(10_000)]
    public void Deep_arrays_are_written_in_one_pass()
    {
        var table = Read(Nested('A', FieldCodec.NestingMax));
        Assert.That(FieldTable.From(table.AsEnumerable()).Bytes.ToArray(), Is.EqualTo(table.Bytes.ToArray()));
    }

    /// <summary>A table that holds a table, or array, that holds another, and so on.</summary>
    internal static byte[] Nested(char type, int depth)
    {
        byte[] innermost = type == 'F' ? [] : [(byte)'V'];
        var prefix = type == 'F' ? 7 : 5; // a name of one letter | type | length
        var bytes = new byte[7 + ((depth - 2) * prefix) + innermost.Length];
        var position = 0;
        for (var level = 1; level < depth; level++)
        {
            if (level == 1 || type == 'F')
            {
                bytes[position++] = 1;
                bytes[position++] = (byte)'k';
            }
            bytes[position++] = (byte)type;
            Bytes.BigEndian(bytes.Length - position - 4).CopyTo(bytes, position);
            position += 4;
        }
        innermost.CopyTo(bytes, position);
        return bytes;
    }

    private static FieldTable Read(byte[] bytes)
    {
        FieldCodec.ValidateTable(bytes);
        return new FieldTable(bytes);
    }

    private static TestCaseData Golden(string name, FieldValue value, string bytes) => new TestCaseData(value, bytes, name).SetArgDisplayNames(name);
}
