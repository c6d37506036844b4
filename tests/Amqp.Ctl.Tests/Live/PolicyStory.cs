using RabbitMQ.Client;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Policies, where 3.13 answers otherwise than the oracle or where they are ours. What is the same is in <see cref="RecordedTests"/>.</summary>
public class PolicyStory : ToolFixture
{
    /// <summary>rabbit_amqqueue_process.erl, i/2, and formatter_helpers.ex of RabbitMQ 3.13.</summary>
    [Test]
    public async Task Queues_show_which_policies_they_go_by()
    {
        await using var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: false, exclusive: false, autoDelete: false);
        Assert.That((await Do("-s list_queues name policy operator_policy effective_policy_definition")).Output, Is.EqualTo("q\t\t\t[]\n"));
        await Do("""set_policy p ^q '{"message-ttl":5000,"ha-mode":"nodes","ha-params":["a","b"]}' --apply-to classic_queues""");
        await Do("""set_operator_policy o ^q '{"message-ttl":70}'""");
        Assert.That((await Do("-s list_queues name policy operator_policy effective_policy_definition")).Output, Is.EqualTo(
            "q\tp\to\t[{<<\"ha-mode\">>, nodes}, {<<\"ha-params\">>, [a, b]}, {<<\"message-ttl\">>, 70}]\n"));
        Assert.That((await Do("list_queues effective_policy_definition --formatter json")).Output, Does.Contain(
            """{"effective_policy_definition":[["ha-mode","nodes"],["ha-params",["a","b"]],["message-ttl",70]]}"""));
        Assert.That((await Do("list_queues effective_policy_definition --formatter erlang")).Output, Does.Contain(
            """[{effective_policy_definition,[{<<"ha-mode">>,<<"nodes">>},{<<"ha-params">>,[<<"a">>,<<"b">>]},{<<"message-ttl">>,70}]}]"""));
    }

    [TestCase("set_policy p x '{\"expires'", "Could not parse JSON document: badarg")]
    [TestCase("set_global_parameter p '{'", "Could not parse JSON document: badarg")]
    [TestCase("set_policy p x '{\"expires\":5}' --apply-to topics",
        "Validation failed\n\napply-to 'topics' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues', 'streams', 'exchanges', or 'all'\n")]
    public async Task What_cannot_be_is_refused_in_the_words_of_3_13(string command, string reason)
    {
        var refused = await Run($"-q {command}");
        Assert.That((refused.Code, refused.Error), Is.EqualTo((69, $"Error:\n{reason}\n")));
    }

    /// <summary>check_if_cluster_has_classic_queue_mirroring_policy_command.ex of RabbitMQ 3.13.</summary>
    [Test]
    public async Task Policies_that_mirror_are_found()
    {
        const string Check = "check_if_cluster_has_classic_queue_mirroring_policy";
        await Do("""set_policy p x '{"message-ttl":5}'""");
        Assert.That((await Do($"-q {Check}")).Output, Is.EqualTo("Cluster reported no policies that enable classic queue mirroring\n"));
        Assert.That((await Do($"{Check} --formatter json")).Output, Is.EqualTo("{\"result\":\"ok\"}\n"));
        await Do("""set_policy m x '{"ha-mode":"all"}'""");
        await Do("""set_operator_policy o x '{"ha-mode":"exactly","ha-params":2}'""");
        var found = await Run($"-q {Check}");
        Assert.That((found.Code, found.Error), Is.EqualTo((69, "Error:\nPolicy m enables classic queue mirroring\nOperator policy o enables classic queue mirroring\n")));
    }

    [Test]
    public async Task A_virtual_host_can_merge_its_policies()
    {
        await Do("add_vhost merging --policy-merge true");
        await Do("""set_policy -p merging a '' '{"ha-mode":"all"}'""");
        await Do("""set_policy -p merging b '' '{"expires":3600000}' --priority 5""");
        await Do("set_permissions -p merging guest .* .* .*");
        await using var channel = await (await Connect(virtualHost: "merging")).CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
        Assert.That(await Effective(), Is.EqualTo("b\t[{<<\"expires\">>, 3600000}, {<<\"ha-mode\">>, all}]\n"));
        await Do("update_vhost_metadata merging --policy-merge false");
        Assert.That(await Effective(), Is.EqualTo("b\t[{<<\"expires\">>, 3600000}]\n"));

        async Task<string> Effective() => (await Do("-s list_queues -p merging policy effective_policy_definition")).Output;
    }
}
