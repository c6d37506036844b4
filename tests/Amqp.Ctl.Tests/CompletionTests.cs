using Amqp.Ctl.Tests.Live;

namespace Amqp.Ctl.Tests;

/// <summary>What shells offer while a command is being typed.</summary>
[NonParallelizable] // it replaces the console's streams
internal sealed class CompletionTests
{
    [TestCase("rabbitmqctl list_q", "list_queues")]
    [TestCase("rabbitmqctl -p / list_exc", "list_exchanges")]
    [TestCase("rabbitmqctl list_queues consumer_u --offl", "--offline")]
    [TestCase("rabbitmqctl list_queues messages_unacknowledged_r", "messages_unacknowledged_ram")]
    [TestCase("rabbitmqctl list_queues --formatter js", "json")]
    [TestCase("rabbitmqctl --no-ta", "--no-table-headers")]
    [TestCase("rabbitmqctl nothing_of_that", "")]
    [TestCase("rabbitmqctl", "")]
    public async Task The_word_that_is_being_typed_is_completed(string line, string offered)
    {
        var (code, output, error) = await CommandLine.Run($"--auto-complete {line}");
        Assert.That((code, output.Trim(), error), Is.EqualTo((0, offered, "")));
    }

    [Test]
    public async Task RabbitMQs_command_for_that_is_there()
    {
        var (code, output, _) = await CommandLine.Run("autocomplete set_v");
        Assert.That((code, output), Is.EqualTo((0, "set_vhost_limits\nset_vhost_tags\nset_vm_memory_high_watermark\n")));
    }

    [Test]
    public async Task Bash_completes_with_the_script()
    {
        var script = $"source <({Tool.Amqpctl} completion bash); COMP_WORDS=({Tool.Amqpctl} list_vhosts ''); COMP_CWORD=2; _amqpctl; echo \"${{COMPREPLY[@]}}\"; complete -p rabbitmqctl";
        var result = await Tool.Run("bash", ["-c", script]);
        Assert.That(result.ToString(), Does.StartWith("code 0\ncluster_state default_queue_type").And.Contain("-F _amqpctl rabbitmqctl"));
    }

    [Test]
    public async Task A_shell_that_is_not_known_is_refused()
    {
        var (code, _, error) = await CommandLine.Run("completion csh");
        Assert.That(code, Is.EqualTo(65));
        Assert.That(error, Does.StartWith("Error (argument validation): Bad argument: there is no completion for csh, but for bash and zsh\n"));
    }
}
