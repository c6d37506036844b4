namespace AMQP.Net.Tests;

internal sealed class BasicPropertiesTests
{
    public static readonly byte[] None = [0, 0];

    private static readonly byte[] All = Bytes.Of(
        "FFFC 0A'text/plain' 04'gzip' 00000008 01'k' 'S' 00000001'v' 02 09 01'c' 05'reply' 05'60000' 02'id' 0000000065000000 01't' 05'guest' 03'app' 02'cl'");

    [Test]
    public void All_fourteen_are_found()
    {
        BasicProperties.Validate(All);
        var properties = new BasicProperties(All);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(properties.ContentType, Is.EqualTo("text/plain"));
            Assert.That(properties.ContentEncoding, Is.EqualTo("gzip"));
            Assert.That(properties.Headers, Is.EqualTo(FieldTable.From(("k", FieldValue.From("v")))));
            Assert.That(properties.DeliveryMode, Is.EqualTo(2));
            Assert.That(properties.Priority, Is.EqualTo(9));
            Assert.That(properties.CorrelationId, Is.EqualTo("c"));
            Assert.That(properties.ReplyTo, Is.EqualTo("reply"));
            Assert.That(properties.Expiration, Is.EqualTo("60000"));
            Assert.That(properties.MessageId, Is.EqualTo("id"));
            Assert.That(properties.Timestamp, Is.EqualTo(0x65000000));
            Assert.That(properties.Type, Is.EqualTo("t"));
            Assert.That(properties.UserId, Is.EqualTo("guest"));
            Assert.That(properties.AppId, Is.EqualTo("app"));
            Assert.That(properties.ClusterId, Is.EqualTo("cl"));
            Assert.That(properties.IsPersistent, Is.True);
            Assert.That(properties.HasHeader("k"u8), Is.True);
            Assert.That(properties.HasHeader("v"u8), Is.False);
        }
    }

    [TestCase("8000 01'a'", PropertyFlags.ContentType)]
    [TestCase("4000 01'a'", PropertyFlags.ContentEncoding)]
    [TestCase("2000 00000000", PropertyFlags.Headers)]
    [TestCase("1000 01", PropertyFlags.DeliveryMode)]
    [TestCase("0800 01", PropertyFlags.Priority)]
    [TestCase("0400 01'a'", PropertyFlags.CorrelationId)]
    [TestCase("0200 01'a'", PropertyFlags.ReplyTo)]
    [TestCase("0100 01'a'", PropertyFlags.Expiration)]
    [TestCase("0080 01'a'", PropertyFlags.MessageId)]
    [TestCase("0040 0000000000000001", PropertyFlags.Timestamp)]
    [TestCase("0020 01'a'", PropertyFlags.Type)]
    [TestCase("0010 01'a'", PropertyFlags.UserId)]
    [TestCase("0008 01'a'", PropertyFlags.AppId)]
    [TestCase("0004 01'a'", PropertyFlags.ClusterId)]
    public void Each_alone_stands_at_its_own_flag(string bytes, PropertyFlags flag)
    {
        BasicProperties.Validate(Bytes.Of(bytes));
        var properties = new BasicProperties(Bytes.Of(bytes));
        Assert.That(properties.Flags, Is.EqualTo(flag));
        var present = new object?[]
        {
            properties.ContentType, properties.ContentEncoding, properties.Headers, properties.DeliveryMode, properties.Priority,
            properties.CorrelationId, properties.ReplyTo, properties.Expiration, properties.MessageId, properties.Timestamp,
            properties.Type, properties.UserId, properties.AppId, properties.ClusterId,
        };
        for (var i = 0; i < present.Length; i++) Assert.That(present[i] is not null, Is.EqualTo((PropertyFlags)(0x8000 >> i) == flag));
    }

    [Test]
    public void Those_that_are_not_there_are_null()
    {
        foreach (var properties in new[] { default, new BasicProperties(None) })
        {
            Assert.That(properties.Flags, Is.EqualTo(PropertyFlags.None));
            Assert.That(properties.ContentType, Is.Null);
            Assert.That(properties.Headers, Is.Null);
            Assert.That(properties.Timestamp, Is.Null);
            Assert.That(properties.IsPersistent, Is.False);
            Assert.That(properties.HasHeader("k"u8), Is.False);
            Assert.That(properties.Bytes.ToArray(), Is.EqualTo(None));
        }
    }

    [Test]
    public void Flags_are_asked_for_together()
    {
        var properties = new BasicProperties(Bytes.Of("1800 02 05"));
        Assert.That(properties.Has(PropertyFlags.DeliveryMode | PropertyFlags.Priority), Is.True);
        Assert.That(properties.Has(PropertyFlags.DeliveryMode | PropertyFlags.Headers), Is.False);
    }

    [Test]
    public void The_flag_without_a_property_is_ignored_as_in_RabbitMQ()
    {
        BasicProperties.Validate(Bytes.Of("0002"));
        Assert.That(new BasicProperties(Bytes.Of("0002")).Flags, Is.EqualTo(PropertyFlags.None));
    }

    [TestCase("", TestName = "No flags")]
    [TestCase("00", TestName = "Half the flags")]
    [TestCase("0001", TestName = "A second word of flags announced")]
    [TestCase("0001 0000", TestName = "A second word of flags")]
    [TestCase("0000 00", TestName = "A byte left over")]
    [TestCase("8000", TestName = "A string missing")]
    [TestCase("8000 05'abcd'", TestName = "A string cut short")]
    [TestCase("1000", TestName = "An octet missing")]
    [TestCase("0040 00000000000000", TestName = "A timestamp cut short")]
    [TestCase("2000 000000", TestName = "The length of the headers cut short")]
    [TestCase("2000 FFFFFFFF", TestName = "Headers of four gigabytes")]
    [TestCase("2000 00000003 01'k'00", TestName = "A header of unknown type")]
    [TestCase("2000 00000007 01'k' 'S' FFFFFFFF", TestName = "A header of four gigabytes")]
    public void Malformed_properties_are_refused(string bytes)
    {
        var failure = Assert.Throws<ProtocolException>(() => BasicProperties.Validate(Bytes.Of(bytes)));
        Assert.That(failure.Code, Is.EqualTo(ReplyCode.SyntaxError));
    }

    [Test]
    public void Truncated_anywhere_they_are_refused()
    {
        for (var length = 0; length < All.Length; length++)
            Assert.That(() => BasicProperties.Validate(All.AsSpan(0, length)), Throws.TypeOf<ProtocolException>(), $"{length} bytes");
    }

    [Test]
    public void A_changed_property_leaves_the_others_alone()
    {
        var changed = MutableProperties.From(new BasicProperties(All));
        changed.ReplyTo = "elsewhere";
        changed.Expiration = null;
        var properties = new BasicProperties(changed.Encode());
        BasicProperties.Validate(properties.Bytes.Span);
        Assert.That(properties.ReplyTo, Is.EqualTo("elsewhere"));
        Assert.That(changed.ReplyTo, Is.EqualTo("elsewhere"));
        Assert.That(properties.Expiration, Is.Null);
        Assert.That(properties.Flags, Is.EqualTo((PropertyFlags)0xFFFC & ~PropertyFlags.Expiration));
        Assert.That((properties.ContentType, properties.MessageId, properties.ClusterId), Is.EqualTo(("text/plain", "id", "cl")));
    }

    [Test]
    public void Bytes_that_are_not_UTF8_survive_a_change_elsewhere()
    {
        var source = Bytes.Of("A000 02FFFE 0000000E 02FFFF 'V' 03'BCC' 'S' 00000001'x'");
        BasicProperties.Validate(source);
        var changed = MutableProperties.From(new BasicProperties(source));
        changed.Headers = changed.Headers!.Without("BCC");
        Assert.That(changed.Encode(), Is.EqualTo(Bytes.Of("A000 02FFFE 00000004 02FFFF 'V'")));
        Assert.That(changed.ContentType, Is.EqualTo("\uDCFF\uDCFE"));
    }

    [Test]
    public void Nothing_set_is_no_flags() => Assert.That(new MutableProperties().Encode(), Is.EqualTo(None));

    [Test]
    public void A_string_too_long_is_the_callers_mistake() =>
        Assert.That(() => new MutableProperties { Type = new string('a', 256) }.Encode(), Throws.ArgumentException);
}
