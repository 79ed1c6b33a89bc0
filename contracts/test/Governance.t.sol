// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {GOPEN} from "../src/governance/GOPEN.sol";
import {Errors} from "../src/libraries/Errors.sol";
import {Deployer} from "../src/Deployer.sol";
import {Params} from "../src/Types.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Test.sol";

contract GovernanceTest is World {
    address constant VOTER = address(0xDD01);
    address constant SMALL = address(0xDD02);

    function setUp() external {
        populate();
        wrap(VOTER, 100_000 ether);
        wrap(SMALL, 900_000 ether);
        fund(VOTER, 100 ether);
        vm.warp(block.timestamp + 1);
    }

    function wrap(address who, uint256 amount) internal {
        vm.deal(who, amount);
        vm.startPrank(who);
        gopen.deposit{value: amount}();
        gopen.delegate(who);
        vm.stopPrank();
    }

    function propose(Params memory p)
        internal
        returns (uint256 id, address[] memory targets, uint256[] memory values, bytes[] memory data)
    {
        (targets, values, data) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], data[0]) = (address(rules), abi.encodeCall(rules.set, (p)));
        vm.prank(VOTER);
        id = governor.propose(targets, values, data, "change");
    }

    function test_G1_gopen_is_open_one_to_one() external {
        vm.assertEq(gopen.totalSupply(), address(gopen).balance);
        vm.startPrank(VOTER);
        gopen.withdraw(40_000 ether);
        vm.assertEq(VOTER.balance, 40_000 ether);
        (bool ok,) = address(gopen).call{value: 1 ether}("");
        vm.assertTrue(ok);
        vm.assertEq(gopen.balanceOf(VOTER), 60_001 ether);
        vm.expectRevert();
        gopen.withdraw(60_002 ether);
        vm.assertEq(gopen.getVotes(VOTER), 60_001 ether);
        vm.assertEq(gopen.clock(), block.timestamp);
        vm.assertEq(keccak256(bytes(gopen.CLOCK_MODE())), keccak256("mode=timestamp"));
        vm.assertEq(gopen.nonces(VOTER), 0);
        vm.assertEq(gopen.totalSupply(), address(gopen).balance);
    }

    function test_G2_a_proposal_that_passes_changes_the_rules_and_its_fee_returns() external {
        Params memory p = defaults();
        p.bond = 7 ether;
        (uint256 id, address[] memory t, uint256[] memory v, bytes[] memory d) = propose(p);
        vm.assertEq(settlement.balanceOf(VOTER), 50 ether);
        vm.expectRevert(Errors.TooEarly.selector);
        governor.settleFee(id);
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(VOTER);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 7 days);
        governor.queue(t, v, d, keccak256("change"));
        vm.warp(block.timestamp + 1 days);
        governor.execute(t, v, d, keccak256("change"));
        vm.assertEq(rules.version(2).bond, 7 ether);
        governor.settleFee(id);
        vm.assertEq(settlement.balanceOf(VOTER), 100 ether);
        vm.expectRevert(Errors.NothingHere.selector);
        governor.settleFee(id);
        vm.assertEq(governor.proposalThreshold(), 1_000 ether);
        vm.assertTrue(governor.proposalNeedsQueuing(id));
        (,,, bytes32 description) = governor.proposalDetails(id);
        vm.assertEq(description, keccak256("change"));
    }

    function test_G3_a_proposal_without_quorum_costs_its_fee() external {
        vm.prank(VOTER);
        gopen.withdraw(50_000 ether); // 50,000 of 950,000 is less than a tenth
        vm.warp(block.timestamp + 1);
        (uint256 id,,,) = propose(defaults());
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(VOTER);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 7 days);
        uint256 treasury = settlement.balanceOf(address(timelock));
        governor.settleFee(id);
        vm.assertEq(settlement.balanceOf(address(timelock)), treasury + 50 ether);
    }

    function test_a_proposer_without_the_fee_is_refused() external {
        vm.prank(VOTER);
        settlement.withdraw(60 ether, VOTER);
        Params memory p = defaults();
        (address[] memory t, uint256[] memory v, bytes[] memory d) = (new address[](1), new uint256[](1), new bytes[](1));
        (t[0], d[0]) = (address(rules), abi.encodeCall(rules.set, (p)));
        vm.prank(VOTER);
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 40 ether));
        governor.propose(t, v, d, "change");
    }

    function test_attack_late_quorum() external {
        (uint256 id,,,) = propose(defaults());
        vm.warp(block.timestamp + 1 days + 1);
        uint256 deadline = governor.proposalDeadline(id);
        vm.warp(deadline - 1);
        vm.prank(VOTER);
        governor.castVote(id, 1);
        // The others have two more days to answer.
        vm.assertEq(governor.proposalDeadline(id), block.timestamp + 2 days);
        vm.warp(deadline + 1 days);
        vm.prank(SMALL);
        governor.castVote(id, 0);
        vm.warp(block.timestamp + 2 days);
        vm.assertEq(uint256(governor.state(id)), uint256(IGovernor.ProposalState.Defeated));
    }

    function test_a_cancelled_proposal_gives_its_fee_up() external {
        (uint256 id, address[] memory t, uint256[] memory v, bytes[] memory d) = propose(defaults());
        vm.prank(VOTER);
        governor.cancel(t, v, d, keccak256("change"));
        vm.warp(block.timestamp + 2 days);
        uint256 treasury = settlement.balanceOf(address(timelock));
        governor.settleFee(id);
        vm.assertEq(settlement.balanceOf(address(timelock)), treasury + 50 ether);
    }

    function test_the_deployer_obeys_its_owner_alone() external {
        Deployer d = new Deployer(VOTER);
        bytes memory code = type(GOPEN).creationCode;
        vm.expectRevert(Errors.NotAllowed.selector);
        d.deploy(code);
        vm.startPrank(VOTER);
        vm.assertEq(d.deploy(code), vm.computeCreateAddress(address(d), 1));
        vm.assertEq(d.deploy(code), vm.computeCreateAddress(address(d), 2));
        vm.expectRevert();
        d.deploy(hex"fe");
    }
}
